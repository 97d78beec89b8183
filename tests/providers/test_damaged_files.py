"""A file that is not what was promised goes to nobody, whoever carries the mail."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO

import pytest

from providers import errors
from providers.message import Attachment, Mailbox
from providers.sandbox.adapter import Sandbox
from providers.wire import body
from tests.providers.far_ends import FAR_ENDS
from tests.providers.letters import ATTEMPT, file, letter, noise

WHOLE = noise(300_000)


def missing() -> BinaryIO:
    raise FileNotFoundError("no such file")


def reading(content: bytes) -> Callable[[], BinaryIO]:
    return lambda: BytesIO(content)


DAMAGES: dict[str, Callable[[], BinaryIO]] = {
    "a bit has flipped": reading(WHOLE[:-1] + bytes([WHOLE[-1] ^ 1])),
    "its end is missing": reading(WHOLE[:-1]),
    "nothing is left": reading(b""),
    "something follows": reading(WHOLE + b"x"),
    "it is another file": reading(noise(299_999) + b"x"),
    "it is gone": missing,
}


def promised(open_it: Callable[[], BinaryIO]) -> Attachment:
    """Return a file whose size and hash are known, and which reads as this."""
    return replace(file(WHOLE), sha256=sha256(WHOLE).hexdigest(), open=open_it)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FAR_ENDS)
def test_a_damaged_file_is_sent_by_nobody(name: str, damage: str) -> None:
    message = letter(attachments=(file(b"whole"), promised(DAMAGES[damage])))
    with FAR_ENDS[name]() as (provider, received):
        with pytest.raises(errors.Unreadable) as caught:
            provider.send(message, ATTEMPT)
        with pytest.raises(IndexError):
            received()
    assert caught.value.code == (body.MISSING if damage == "it is gone" else body.DAMAGED)


@pytest.mark.parametrize("name", FAR_ENDS)
def test_a_whole_file_is_sent_by_everybody(name: str) -> None:
    boxes = {kind: (Mailbox(address=f"{kind}@example.com"),) for kind in ("cc", "bcc", "reply_to")}
    message = letter(html="<p>Hello</p>", tags=("a",), attachments=(promised(reading(WHOLE)),), **boxes)
    with FAR_ENDS[name]() as (provider, received):
        provider.send(message, ATTEMPT)
        assert received().files == {"data.bin": WHOLE}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_the_sandbox_takes_no_damaged_file_either(damage: Callable[[], BinaryIO]) -> None:
    with pytest.raises(errors.Unreadable):
        Sandbox().send(letter(attachments=(promised(damage),)), ATTEMPT)


def test_a_damaged_invitation_does_not_become_a_plain_file() -> None:
    invitation = replace(
        promised(DAMAGES["its end is missing"]), content_type="text/calendar; method=REQUEST"
    )
    with FAR_ENDS["sendgrid"]() as (provider, _), pytest.raises(errors.Unreadable):
        provider.send(letter(attachments=(invitation,)), ATTEMPT)


@pytest.mark.parametrize("length", [0, 1, 299_999, 300_001, 400_000])
def test_without_a_hash_the_size_must_be_the_one_that_was_promised(length: int) -> None:
    with pytest.raises(errors.Unreadable):
        body.verify([replace(file(WHOLE), open=reading(noise(length)))])


def test_of_a_file_that_has_grown_no_more_is_read_than_was_promised() -> None:
    class Endless(BytesIO):
        asked = 0

        def read(self, size: int | None = -1) -> bytes:
            self.asked += size or 0
            assert self.asked < 10 * len(WHOLE)
            return b"x" * (size or 0)

    endless = Endless()
    with pytest.raises(errors.Unreadable):
        body.verify([promised(lambda: endless)])
    assert endless.asked <= len(WHOLE) + 2 * body.PIECE
