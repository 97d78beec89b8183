"""Endpoints: made with a secret, checked, rotated, switched off and on."""

import pytest

from delivery.models import Team, WebhookEndpoint, WebhookMessage
from delivery.webhooks import endpoints, listeners, post
from tests.delivery.webhooks.endpoints import endpoint, message

pytestmark = pytest.mark.django_db
URL = "https://93.184.215.14/hook"


def test_an_endpoint_is_made_with_a_secret_and_listens_at_once() -> None:
    made = endpoints.create(None, url=URL, events=["email.sent"], description="shop")

    assert made.secret.startswith("whsec_")
    assert listeners.of("email.sent", None) == [made.pk]


@pytest.mark.parametrize(
    "url", ["http://93.184.215.14/", "https://127.0.0.1/", "https://me@93.184.215.14/", ""]
)
def test_a_url_that_may_not_be_called_makes_no_endpoint_and_no_change(url: str) -> None:
    made = endpoints.create(None, url=URL)
    with pytest.raises(post.Forbidden):
        endpoints.create(None, url=url)
    with pytest.raises(post.Forbidden):
        endpoints.change(made, url=url)

    assert WebhookEndpoint.objects.get().url == URL


def test_a_team_has_fifty_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MOST", 2)
    ours = Team.objects.create(name="ours")
    made = [endpoints.create(ours, url=URL) for _ in range(2)]
    with pytest.raises(endpoints.TooMany):
        endpoints.create(ours, url=URL)
    endpoints.create(None, url=URL)
    endpoints.delete(made[0])

    assert endpoints.create(ours, url=URL)


def test_switched_on_again_it_starts_afresh() -> None:
    made = endpoint()
    endpoints.note_failure(made)
    endpoints.switch_off(made, "It was away.")
    assert listeners.of("email.sent", None) == []
    endpoints.change(made, enabled=True)

    made.refresh_from_db()
    assert (made.enabled, made.disabled_reason, made.failing_since) == (True, "", None)
    assert listeners.of("email.sent", None) == [made.pk]


def test_a_deleted_endpoint_is_gone_for_its_team_and_its_row_stays_for_a_while() -> None:
    made = endpoint()
    message(made)
    endpoints.delete(made)

    assert list(endpoints.of(None)) == []
    assert (listeners.of("email.sent", None), WebhookMessage.objects.count()) == ([], 1)


def test_a_test_goes_to_this_endpoint_alone_whatever_it_listens_to() -> None:
    made = endpoint(events=["email.sent"])
    endpoint()
    told = endpoints.send_test(made)

    assert WebhookMessage.objects.get().pk == told.pk
    assert (told.endpoint_id, told.kind) == (made.pk, "webhook.test")


def test_no_test_goes_to_an_endpoint_that_is_off() -> None:
    with pytest.raises(endpoints.SwitchedOff):
        endpoints.send_test(endpoint(enabled=False))
