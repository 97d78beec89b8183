import pytest

from delivery.sending import outcomes
from providers import errors

DOWN = errors.Unavailable("ses cannot be reached")
BUSY = errors.Throttled("ses wants a pause", retry_after=40)
BUSY_FOR_LONG = errors.Throttled("sendgrid wants a long pause", retry_after=900)
SHORT = errors.Exhausted("ses: this machine ran short")
NOT_FOR_SES = errors.CannotCarry("ses does not take it")


@pytest.mark.parametrize(
    ("rounds", "seconds"), [(1, 5), (2, 15), (3, 45), (4, 135), (6, 1215), (7, 1800), (100_000, 1800)]
)
def test_the_wait_grows_threefold_up_to_half_an_hour(rounds: int, seconds: int) -> None:
    assert outcomes.longest_wait(rounds) == seconds


def test_when_all_are_down_the_email_waits() -> None:
    outcome = outcomes.of_nobody(errors.NobodyAccepted([DOWN, DOWN]), rounds=1)

    assert (outcome.status, outcome.recipients, outcome.is_final) == ("queued", "pending", False)
    assert outcome.due_at is not None
    assert 0 <= (outcome.due_at - outcome.at).total_seconds() <= 5.1


def test_a_shortage_of_ours_makes_the_waits_no_longer_than_45_seconds() -> None:
    outcomes_ = [outcomes.of_nobody(errors.NobodyAccepted([SHORT, SHORT]), rounds=99) for _ in range(50)]

    assert all(one.due_at and (one.due_at - one.at).total_seconds() <= 45.1 for one in outcomes_)


def test_the_email_never_comes_back_before_the_first_provider_wants_it() -> None:
    outcome = outcomes.of_nobody(errors.NobodyAccepted([BUSY, BUSY_FOR_LONG]), rounds=1)

    assert outcome.due_at is not None
    assert 39 <= (outcome.due_at - outcome.at).total_seconds() <= 41


def test_an_email_that_nobody_takes_at_all_has_failed() -> None:
    assert outcomes.of_nobody(errors.NobodyAccepted([NOT_FOR_SES]), rounds=1).status == "failed"


def test_an_email_that_one_may_still_take_waits() -> None:
    assert outcomes.of_nobody(errors.NobodyAccepted([NOT_FOR_SES, DOWN]), rounds=1).status == "queued"
