import pytest

from providers.errors import Refused
from providers.sandbox.adapter import Sandbox
from tests.providers.letters import letter


def test_it_promises_what_it_does_not_keep():
    receipt = Sandbox().send(letter(), "7")
    assert (receipt.provider, receipt.message_id) == ("sandbox", "sandbox-7")


def test_a_message_that_cannot_be_built_fails_here_as_well():
    with pytest.raises(Refused):
        Sandbox().send(letter(subject="a\nb"), "7")


def test_a_rehearsal_is_what_sending_is():
    assert Sandbox().rehearse(letter(), "7") == Sandbox().send(letter(), "7")


def test_it_is_ready_and_says_that_it_delivers_nothing():
    found = Sandbox().check(["shop@example.org"])
    assert (found.ready, found.sandbox, found.senders["shop@example.org"].verified) == (True, True, True)
    assert found.warnings == ("sandbox delivers nothing: it is for development.",)
