import pytest

from providers import errors, failover
from providers.sandbox.adapter import Sandbox
from tests.providers.letters import letter

FIRST, SECOND = Sandbox("first"), Sandbox("second")
MOVES_ON = [
    errors.NotAccepted, errors.Unavailable, errors.Throttled, errors.AccountProblem, errors.SenderRefused,
    errors.DomainRefused, errors.CannotCarry, errors.Exhausted,
]  # fmt: skip
STOPS = [errors.Refused, errors.RecipientsRefused, errors.Unknown]


def failing(kind, asked):
    """Return an attempt that fails at the first provider."""

    def attempt(provider, message):
        asked.append(provider.name)
        if provider is FIRST:
            raise kind("no")
        return provider.send(message, "1")

    return attempt


def test_the_first_provider_is_preferred():
    receipt = failover.send(letter(), [FIRST, SECOND], lambda provider, message: provider.send(message, "1"))
    assert receipt.provider == "first"


@pytest.mark.parametrize("kind", MOVES_ON)
def test_a_message_certainly_not_accepted_is_offered_to_the_next(kind):
    assert failover.send(letter(), [FIRST, SECOND], failing(kind, [])).provider == "second"


@pytest.mark.parametrize("kind", STOPS)
def test_a_bad_or_unknown_one_is_never_offered_elsewhere(kind):
    asked = []
    with pytest.raises(kind):
        failover.send(letter(), [FIRST, SECOND], failing(kind, asked))
    assert asked == ["first"]


def test_what_we_cannot_read_ourselves_is_offered_to_nobody_else():
    asked = []
    with pytest.raises(errors.NobodyAccepted):
        failover.send(letter(), [FIRST, SECOND], failing(errors.Unreadable, asked))
    assert asked == ["first"]


def test_when_nobody_accepts_every_failure_is_told():
    def attempt(provider, message):
        raise errors.Unavailable(f"{provider.name} is down")

    with pytest.raises(errors.NobodyAccepted, match="first is down; second is down") as caught:
        failover.send(letter(), [FIRST, SECOND], attempt)
    assert len(caught.value.failures) == 2


def test_without_candidates_nobody_accepts():
    with pytest.raises(errors.NobodyAccepted):
        failover.send(letter(), [], failing(errors.Unknown, []))


def test_a_bug_is_loud():
    with pytest.raises(ZeroDivisionError):
        failover.send(letter(), [FIRST, SECOND], failing(lambda _: ZeroDivisionError(), []))


def test_every_class_is_listed_here():
    known = {errors.ProviderError, errors.Unreadable, *MOVES_ON, *STOPS}
    assert known == {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.ProviderError)
    }
