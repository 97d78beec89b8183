"""The door that vendors post their events to."""

from typing import Any

from django.test import Client

from delivery.models import Attempt, Team
from tests import fakes
from tests.delivery.factories import under_way
from tests.tellers import TELLERS, Said

PATH = fakes.V1 + "events/{}/"


def accepted(provider: str) -> Attempt:
    """Return the accepted attempt of an email of the key's team, if there is a key."""
    sent = {"status": "sent", "lease_until": None, "team": Team.objects.first()}
    return under_way(outcome="accepted", provider=provider, **sent)


def posted(account: str, said: Said, **more: Any) -> Any:
    headers = dict(said.headers)
    given = {"content_type": "text/plain; charset=UTF-8", "headers": headers, **more}
    return Client().post(PATH.format(account), said.body, **given)


def told(attempt: Attempt) -> Any:
    return posted(attempt.provider, TELLERS[attempt.provider].say(str(attempt.pk)))
