"""That SendGrid's Event Webhook is set up and signed, by calls that may be repeated."""

import json
from http import HTTPStatus

import pytest

from providers.configuration import Entry
from providers.connector import State, Step, Variable, Wish
from providers.errors import AccountProblem
from providers.sendgrid import connect
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, letter

ALL, SETTINGS, TEST = (
    f"/v3/user/webhooks/event/{part}" for part in ("settings/all", "settings", "test")
)  # fmt: skip
URL = "https://mail.example.org/api/v1/email-service/events/sendgrid/"
WISH = Wish(name="gomail-events-sendgrid", url=URL)
ON = dict.fromkeys(connect._EVENTS, True)
HOOK = {"id": "77d4", "url": URL, "enabled": True, "account_status_change": True, **ON}
KEY = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"


class Webhooks(faults.FaultServer):
    """SendGrid's webhooks: the path of a script is answered by what the test has put there."""

    def has(self, *hooks, key=""):
        self.paths[ALL] = faults.answer(200, {"max_allowed": 2, "webhooks": list(hooks)})
        self.paths[f"{SETTINGS}/signed/77d4"] = faults.answer(200, {"id": "77d4", "public_key": key})
        self.paths[f"{SETTINGS}/77d4"] = faults.answer(200, {**HOOK})


def refusal(status, words="no"):
    return faults.answer(status, {"errors": [{"message": words}]})


@pytest.fixture
def server():
    with Webhooks() as server:
        server.has()
        server.paths[SETTINGS] = faults.answer(201, HOOK)
        yield server


@pytest.fixture
def connector(server):
    given = {"SENDGRID_API_KEY": "SG.secret.key", "SENDGRID_BASE_URL": server.url}
    return lambda **more: connect.Connector(
        Entry(name="sendgrid", type="sendgrid", settings={**given, **more})
    )


def changes(server):
    return [(one.method, one.path, json.loads(one.body)) for one in server.received if one.method != "GET"]


def states(found):
    return [step.state for step in found if isinstance(step, Step)]


def variable(found):
    return next(one for one in found if isinstance(one, Variable))


def test_what_is_there_is_left_alone(server, connector):
    server.has(HOOK, key=KEY)
    found = list(connector().connect(WISH))
    assert states(found) == [State.THERE] * 4
    assert changes(server) == []


def test_a_webhook_is_made_with_every_event_that_we_know(server, connector):
    steps = connector().connect(WISH)
    assert next(steps).state is State.DONE
    ((method, path, fields),) = changes(server)
    assert (method, path) == ("POST", SETTINGS)
    assert fields == {"friendly_name": "GoMail", "url": URL, "enabled": True, **ON}


def test_a_webhook_that_was_switched_off_is_switched_on(server, connector):
    server.has({**HOOK, "enabled": False, "bounce": False}, key=KEY)
    list(connector().connect(WISH))
    ((method, path, fields),) = changes(server)
    assert (method, path, fields["enabled"], fields["bounce"]) == ("PATCH", f"{SETTINGS}/77d4", True, True)


def test_a_webhook_without_a_signature_gets_one(server, connector):
    server.has(HOOK)
    found = list(connector().connect(WISH))
    assert changes(server) == [("PATCH", f"{SETTINGS}/signed/77d4", {"enabled": True})]
    assert states(found)[-1] is State.DONE


def test_a_webhook_that_was_never_signed_has_no_key_to_ask_for(server, connector):
    server.has(HOOK)
    server.paths[f"{SETTINGS}/signed/77d4"] = refusal(404)
    assert list(connector().connect(Wish(name="x", url=URL, dry=True)))[-1].state is State.MISSING


def test_its_public_key_is_named_with_the_variable_of_the_account(server, connector):
    server.has(HOOK, key=KEY)
    told = variable(connector().connect(WISH))
    assert (told.name, told.value, told.is_set) == ("SENDGRID_EVENTS_PUBLIC_KEY", KEY, False)


def test_a_key_that_is_one_of_two_is_known(server, connector):
    server.has(HOOK, key=KEY)
    assert variable(connector(SENDGRID_EVENTS_PUBLIC_KEY=f"older, {KEY}").connect(WISH)).is_set


def test_the_webhooks_of_others_are_left_alone(server, connector):
    server.has({**HOOK, "id": "88", "url": "https://other.example.org/", "enabled": False})
    list(connector().connect(WISH))
    assert not [path for _, path, _ in changes(server) if "88" in path]


def test_news_of_the_account_that_sendgrid_does_not_take_here_is_left_to_a_person(server, connector):
    server.has({**HOOK, "account_status_change": False}, key=KEY)
    server.paths[f"{SETTINGS}/77d4"] = refusal(HTTPStatus.BAD_REQUEST)
    found = list(connector().connect(WISH))
    assert states(found) == [State.THERE, State.THERE, State.OPEN, State.THERE]


def test_a_dry_run_changes_nothing(server, connector):
    found = list(connector().connect(Wish(name="x", url=URL, dry=True)))
    assert states(found) == [State.MISSING] * 4
    assert changes(server) == []


def test_a_missing_scope_is_named(server, connector):
    server.paths[ALL] = refusal(403, "access forbidden")
    with pytest.raises(AccountProblem, match=r"user\.webhooks\.event\.settings\.read"):
        list(connector().connect(WISH))


def test_sendgrid_is_asked_for_its_sample_events(server, connector):
    server.has(HOOK, key=KEY)
    server.paths[TEST] = faults.answer(204)
    assert connector().test(WISH, letter(), ATTEMPT) is False
    assert changes(server) == [("POST", TEST, {"id": "77d4", "url": URL})]
