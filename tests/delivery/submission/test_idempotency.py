"""A key of a request that makes many emails: one process has it at a time."""

import pytest

from delivery.models import IdempotencyKey
from delivery.submission import idempotency
from delivery.submission.idempotency import KeyUse, StillRunning
from tests.delivery.factories import written

pytestmark = pytest.mark.django_db
USE = KeyUse(scope="", key="a", fingerprint="f")


def test_who_was_given_up_leaves_the_key_to_whoever_has_it_now() -> None:
    email = written().pk
    with idempotency.alone(USE, email, seconds=60):
        now = idempotency.alone(USE, email, seconds=-1)  # the first one has taken too long
        now.__enter__()
    with pytest.raises(StillRunning), idempotency.alone(USE, email, seconds=60):
        pass
    now.__exit__(None, None, None)
    assert not IdempotencyKey.objects.get().waited
