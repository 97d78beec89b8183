"""Signatures: what the library of Standard Webhooks accepts, and what it does not."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from delivery.webhooks import sign
from tests.delivery.webhooks.endpoints import SECRET

BODY = '{"type":"email.sent","data":{"recipient":"jörg@example.org"}}'.encode()


def now() -> datetime:
    """The library refuses what is older than five minutes, which a module may be when its tests run."""
    return datetime.now(UTC)


def signed(at: datetime | None = None, *secrets: str) -> dict[str, str]:
    return sign.headers("0199-id", BODY, at=at or now(), secrets=secrets or [SECRET])


def test_a_receiver_verifies_it_with_the_standards_own_library() -> None:
    assert Webhook(SECRET).verify(BODY, signed()) == json.loads(BODY)


def test_the_example_of_the_standard_comes_out() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    made = sign.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', at=at, secrets=[SECRET])

    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_headers_of_svix_say_the_same() -> None:
    made = signed()
    assert {name: made[f"webhook-{name}"] for name in ("id", "timestamp", "signature")} == {
        name: made[f"svix-{name}"] for name in ("id", "timestamp", "signature")
    }


def test_during_a_rotation_either_secret_verifies() -> None:
    new = sign.new_secret()
    made = signed(now(), new, SECRET)
    for secret in (new, SECRET):
        assert Webhook(secret).verify(BODY, made)


@pytest.mark.parametrize("wrong", ["body", "id", "timestamp", "secret", "age"])
def test_what_was_touched_or_is_old_does_not_verify(wrong: str) -> None:
    made = signed(now() - timedelta(minutes=6) if wrong == "age" else now())
    if wrong in {"id", "timestamp"}:
        made[f"webhook-{wrong}"] = (
            made[f"webhook-{wrong}"][:-1] + "x" if wrong == "id" else str(int(made["webhook-timestamp"]) + 1)
        )
    secret = sign.new_secret() if wrong == "secret" else SECRET
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" " if wrong == "body" else BODY, made)


def test_a_secret_has_as_many_random_bytes_as_the_standard_asks_for() -> None:
    made = {sign.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(b64decode(secret.removeprefix("whsec_"))) for secret in made} == {32}
