"""A secret that is quoted back is hidden, however it is spelt; a sentence stays one."""

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest

from providers.wire import hiding

SECRET = 'pa/ss "wörd"\\<&+>= 7'
SPELLINGS = {
    "plain": SECRET,
    "percent": quote(SECRET, safe=""),
    "percent, a path": quote(SECRET),
    "percent, a form": quote_plus(SECRET),
    "percent, in small letters": "pa%2fss%20%22w%c3%b6rd%22%5c%3c%26%2b%3e%3d%207",
    "JSON": json.dumps(SECRET),
    "JSON, not of ASCII alone": json.dumps(SECRET, ensure_ascii=False),
    "JSON, as PHP writes it": json.dumps(SECRET).replace("/", r"\/"),
    "HTML": html.escape(SECRET),
    "Python": repr(SECRET),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_a_secret_is_hidden_in_every_spelling(spelling: str) -> None:
    told = hiding.without(f"The key {spelling} is wrong.", [SECRET])
    assert told.replace("'", "").replace('"', "") == "The key [hidden] is wrong."


@pytest.mark.parametrize("user", ["", "u", "us", "usr", "a longer name"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("behind", ["", "@", "@host"])
def test_base64_that_holds_a_secret_is_hidden_as_a_whole(user: str, encode: object, behind: str) -> None:
    assert callable(encode)
    coded = encode(f"{user}:{SECRET}{behind}".encode()).decode()
    assert hiding.without(f"Authorization: Basic {coded}.", [SECRET]) == "Authorization: Basic [hidden]."


@pytest.mark.parametrize("secret", ["hunter2", "abcd"])
def test_a_short_one_is_hidden_in_base64_where_it_stands_alone(secret: str) -> None:
    coded = base64.b64encode(secret.encode()).decode()
    assert hiding.without(f"535 {coded} refused", [secret]) == "535 [hidden] refused"


@pytest.mark.parametrize("secret", ["", "a", "is", "the"])
def test_what_is_in_every_other_word_leaves_a_sentence_readable(secret: str) -> None:
    said = "550 This is the address that a mailbox has."
    assert hiding.without(said, [secret]) == said


def test_one_secret_within_another_leaves_no_rest() -> None:
    assert hiding.without("SG.one and SG.one.two", ["SG.one", "SG.one.two"]) == "[hidden] and [hidden]"


@pytest.mark.parametrize("secret", ["hidden", "\x86'\x1d\x79", "[hidden]"])
def test_what_stands_for_a_secret_may_be_one(secret: str) -> None:
    assert secret * 2 not in hiding.without(f"{secret} hidden", [secret])


def test_long_texts_take_no_time() -> None:
    begun = time.monotonic()
    coded = base64.b64encode(b"secret-1").decode()
    hiding.without((coded + " ") * 6000 + "A" * 64_000, ["secret-1", "secret-2"])
    assert time.monotonic() - begun < 2
