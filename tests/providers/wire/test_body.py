from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire import body


def test_tokens_are_replaced_and_the_rest_is_kept():
    built = body.assemble(b'{"a": "T1", "b": "T2"}', {"T1": [b"one", b"!"], "T2": [b"T1"]})
    assert built.read() == b'{"a": "one!", "b": "T1"}'


def test_a_lost_token_is_loud():
    for template in (b"{}", b"T2 T1"):
        with pytest.raises(ValueError, match="token"):
            body.assemble(template, {"T1": [b"one"], "T2": []})


def test_it_knows_when_the_last_byte_was_taken():
    built = body.assemble(b"12345", {})
    built.read(4)
    assert not built.taken
    built.read(4)
    assert built.taken
    built.seek(0)
    assert not built.taken


def test_tokens_cannot_be_guessed():
    assert body.token() != body.token()


@given(st.lists(st.binary(max_size=9)))
def test_base64_of_pieces_is_base64_of_the_whole(pieces):
    assert b"".join(body.in_base64(pieces)) == b64encode(b"".join(pieces))
