"""One text is one mailbox, or it is refused."""

import re
import time
from email import message_from_bytes, policy
from email.utils import getaddresses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.content import addresses
from providers.message import Mailbox
from providers.mime import headers

STRICT = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}"
)


@pytest.mark.parametrize(
    ("text", "address", "name"),
    [
        ("ann@example.org", "ann@example.org", ""),
        ("  ann@example.org ", "ann@example.org", ""),
        ("<ann@example.org>", "ann@example.org", ""),
        ("Ann Lee <ann@example.org>", "ann@example.org", "Ann Lee"),
        ('"Lee, Ann" <ann@example.org>', "ann@example.org", "Lee, Ann"),
        ('"Ann \\"A\\" \\\\ Lee" <ann@example.org>', "ann@example.org", 'Ann "A" \\ Lee'),
        ("Änne Müller <ann@example.org>", "ann@example.org", "Änne Müller"),
        ("日本 <ann@example.org>", "ann@example.org", "日本"),
        ('"=?UTF-8?B?TcO8bGxlcg==?=" <ann@example.org>', "ann@example.org", "Müller"),
        ('"Dr. =?utf-8?q?M=C3=BCller?=" <ann@example.org>', "ann@example.org", "Dr. Müller"),
        ('"=?utf-8?q?=3D=3Futf-8=3Fq=3Fb=3F=3D?=" <ann@example.org>', "ann@example.org", "=?utf-8?q?b?="),
        ('"=?x" <ann@example.org>', "ann@example.org", "=?x"),
        ("=?UTF-8?B?TcO8bGxlcg==?= <ann@example.org>", "ann@example.org", "Müller"),
        ("=?UTF-8?B?TcO8bGxlcg?= <ann@example.org>", "ann@example.org", "Müller"),
        ("=?iso-8859-1?q?M=FCller?= <ann@example.org>", "ann@example.org", "Müller"),
        ("=?utf-8?q?M=C3?= =?utf-8?q?=BCller?= <ann@example.org>", "ann@example.org", "Müller"),
        ("Dr. =?utf-8*de?q?M=C3=BCller?=, Ann <ann@example.org>", "ann@example.org", "Dr. Müller, Ann"),
        ("=?utf-8?q?=3D=3Futf-8=3Fq=3Fb=3F=3D?= <ann@example.org>", "ann@example.org", "=?utf-8?q?b?="),
        ("=?utf-8?q?open <ann@example.org>", "ann@example.org", "=?utf-8?q?open"),
        ("Lee, Ann <ann@example.org>", "ann@example.org", "Lee, Ann"),
        ("Ann Lee (Sales) <ann@example.org>", "ann@example.org", "Ann Lee (Sales)"),
        ("Ann @ Work <ann@example.org>", "ann@example.org", "Ann @ Work"),
        ("Team@Acme <ann@example.org>", "ann@example.org", "Team@Acme"),
        ('Ann "Annie" Lee <ann@example.org>', "ann@example.org", 'Ann "Annie" Lee'),
        ("[Shop] Ann <ann@example.org>", "ann@example.org", "[Shop] Ann"),
        ("ann@example.org <ann@example.org>", "ann@example.org", ""),
        ("'ann@example.org' <ANN@example.org>", "ANN@example.org", ""),
        ('"Ann@Example.org" <ann@example.org>', "ann@example.org", ""),
        ("ann@münchen.de <ann@münchen.de>", "ann@xn--mnchen-3ya.de", ""),
        ("Ann (ann@example.org) <ann@example.org>", "ann@example.org", "Ann (ann@example.org)"),
        ("חשבונית\u200f\tAnn <ann@example.org>", "ann@example.org", "חשבונית Ann"),
        ("\u202emoc.live\u202c <ann@example.org>", "ann@example.org", "moc.live"),
        ("Ann < ann@example.org >", "ann@example.org", "Ann"),
        ("Ann<ann@example.org>", "ann@example.org", "Ann"),
        ('"" <ann@example.org>', "ann@example.org", ""),
        ("Ann@Example.ORG", "Ann@example.org", ""),
        ("ann@münchen.de", "ann@xn--mnchen-3ya.de", ""),
        ("ann@MÜNCHEN.de", "ann@xn--mnchen-3ya.de", ""),
        ("ann@straße.de", "ann@xn--strae-oqa.de", ""),
        ("ann@例え.jp", "ann@xn--r8jz45g.jp", ""),
        ("ann@xn--mnchen-3ya.de", "ann@xn--mnchen-3ya.de", ""),
        ("a.b+c_d%e!f@example.org", "a.b+c_d%e!f@example.org", ""),
    ],
)
def test_a_mailbox_is_read_as_it_is_written(text: str, address: str, name: str) -> None:
    assert addresses.mailbox(text) == Mailbox(address=address, name=name)


@pytest.mark.parametrize(
    "text",
    [
        '"xclow3n@gmail.com x"@internal.domain',
        '"a b"@example.org',
        "a(comment)@example.org",
        "Group: a@example.org;",
        "<@evil.example:a@example.org>",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a@localhost",
        "a@b@example.org",
        "a@example.org,b@example.org",
        "a@example.org;b@example.org",
        "a@example.org b@example.org",
        "Ann <b@evil.example> <a@example.org>",
        "b@evil.example <a@example.org>",
        "Ann (b@evil.example) <a@example.org>",
        "Ann b@evil.example, Bob <a@example.org>",
        "'b@evil.example' <a@example.org>",
        "=?utf-8?q?b=40evil.example?= <a@example.org>",
        "=?utf-8?b?PGJAZXZpbC5leGFtcGxlPiw=?= <a@example.org>",
        '"=?utf-8?q?b=40evil.example?=" <a@example.org>',
        '"=?utf-8?b?PGJAZXZpbC5leGFtcGxlPiw=?=" <a@example.org>',
        '"=?utf-8?q?=0d=0aBcc=3a_b=40evil.example?=" <a@example.org>',
        '"=?nonsense?q?a?=" <a@example.org>',
        "=?utf-8?q?=0d=0aBcc=3a_b=40evil.example?= <a@example.org>",
        "=?utf-8?q?=00?= <a@example.org>",
        "=?utf-8?q?=FF?= <a@example.org>",
        "=?nonsense?q?a?= <a@example.org>",
        "=?utf-8?b?a?= <a@example.org>",
        "Group: Ann <a@example.org>",
        "Group: <a@example.org>;",
        "Ann; Bob <a@example.org>",
        "Ann\\ <a@example.org>",
        '"Ann" "Bob" <a@example.org>',
        '"Ann <a@example.org>',
        '"Ann <b@evil.example>" <a@example.org>',
        "<a@example.org><b@evil.example>",
        "a@example.org>",
        "Ann <\ta@example.org>",
        "Ann <>",
        "=?x?q?=41=42=43collab=40psres.net=3e=20?=foobar@example.org",
        "a@exаmple.org",
        "a@exam\u200bple.org",
        "a@example.org\u200b",
        "a@exam\u202eple.org",
        "a@example。org",
        "a@ｅxample.org",
        "a@ℂ.org",
        "a@xn--a.org",
        "ä@example.org",
        "a@example.org.",
        "a@example..org",
        "a" * 65 + "@example.org",
        "a@" + "b" * 64 + ".org",
        "a@" + "b." * 130 + "org",
        "a\r\n@example.org",
        "a@example.org\x00",
        "\ud800@example.org",
        "x" * 256 + " <a@example.org>",
        "",
        "@",
    ],
)
def test_what_is_not_one_mailbox_is_refused(text: str) -> None:
    with pytest.raises(addresses.InvalidAddress) as error:
        addresses.mailbox(text)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10_000_000 + "@example.org",
        "a@" + "a." * 5_000_000 + "org",
        "a@" + "ä" * 5_000_000,
        "@" * 10_000_000,
        "x " * 5_000_000 + "<a@example.org",
        '"' + '\\"' * 5_000_000 + '" <a@example.org>',
        "<" * 10_000_000,
    ],
    ids=lambda text: text[:10],
)
def test_megabytes_are_refused_at_once(text: str) -> None:
    start = time.process_time()
    with pytest.raises(addresses.InvalidAddress):
        addresses.mailbox(text)
    assert time.process_time() - start < 20


@given(
    st.text(alphabet=st.sampled_from('abAB.@@<>"\\,;:()[] \t\r\n\x00%!=?-_+1äüа。\u200b\u202e'), max_size=40)
)
@settings(max_examples=200, derandomize=True, database=None, deadline=None)
def test_what_is_accepted_is_one_address_to_another_reader_too(text: str) -> None:
    for candidate in (text, f"{text}@example.org", f"a@{text}.org", f"{text} <a@example.org>"):
        try:
            box = addresses.mailbox(candidate)
        except addresses.InvalidAddress:
            continue
        assert STRICT.fullmatch(box.address)
        line = headers.block([headers.mailboxes("To", [box])])
        parsed = message_from_bytes(line + b"\r\n", policy=policy.SMTP)
        assert [found.addr_spec for found in parsed["To"].addresses] == [box.address]
        assert [found for _, found in getaddresses([str(parsed["To"])])] == [box.address]


@pytest.mark.parametrize(
    "name", ["=?utf-8?q?victim=40evil.example?=", "=?utf-8?b?eA==?=", "=?x", "a =?utf-8?q?b?= c"]
)
def test_a_name_that_looks_encoded_arrives_as_it_is_written(name: str) -> None:
    line = headers.block([headers.mailboxes("To", [Mailbox(address="ann@example.org", name=name)])])
    (found,) = message_from_bytes(line + b"\r\n", policy=policy.SMTP)["To"].addresses
    assert (found.display_name, found.addr_spec) == (name, "ann@example.org")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        (" ,; \r\n\t;", []),
        ("a@example.org b@example.org", ["a@example.org", "b@example.org"]),
        ("a@example.org; b@example.org;", ["a@example.org", "b@example.org"]),
        ("a@example.org,,b@example.org;\r\n", ["a@example.org", "b@example.org"]),
        ("Ann Lee <a@example.org>", ["Ann Lee <a@example.org>"]),
        ("Ann <a@example.org>, Bob <b@example.org>,", ["Ann <a@example.org>", "Bob <b@example.org>"]),
        ("Ann <a@example.org>;\r\n\tb@example.org ;", ["Ann <a@example.org>", "b@example.org"]),
        (
            '"Lee, Ann; \\", x" <a@example.org>, <b@example.org>',
            ['"Lee, Ann; \\", x" <a@example.org>', "<b@example.org>"],
        ),
        ("Lee, Ann <a@example.org>", ["Lee", "Ann <a@example.org>"]),
        ('"Ann <a@example.org>, Bob <b@example.org>', ['"Ann <a@example.org>, Bob <b@example.org>']),
        ("O'Neil <a@example.org>, b@example.org", ["O'Neil <a@example.org>", "b@example.org"]),
    ],
)
def test_a_string_is_split_where_its_mailboxes_end(text: str, pieces: list[str]) -> None:
    assert addresses.split(text) == pieces


@pytest.mark.parametrize("piece", ['\\"', '<"a', ",", '""', "<", '"', "a;", "\\"])
def test_megabytes_are_split_at_once(piece: str) -> None:
    start = time.process_time()
    addresses.split("<" + piece * (10_000_000 // len(piece)))
    assert time.process_time() - start < 20


def test_addresses_are_compared_without_case() -> None:
    assert addresses.canonical("Ann@Example.org") == addresses.canonical("ann@example.org")
