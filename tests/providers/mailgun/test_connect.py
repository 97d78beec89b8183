"""That the webhooks of a Mailgun domain are set up by calls that may be repeated, and that no key is made anew."""

from urllib.parse import parse_qs

import pytest

from providers.configuration import Entry
from providers.connector import State, Step, Variable, Wish
from providers.errors import AccountProblem
from providers.mailgun import connect
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, letter

V3, V4 = "/v3/domains/mg.example.org/webhooks", "/v4/domains/mg.example.org/webhooks"
SIGNING = "/v5/accounts/http_signing_key"
URL = "https://mail.example.org/api/v1/email-service/events/mailgun/"
WISH = Wish(name="gomail-events-mailgun", url=URL)
KEY = "key-55c5c5c5"


@pytest.fixture
def server(server):
    server.paths |= {
        V3: hooks(()), V4: hooks(connect._EVENTS), SIGNING: faults.answer(200, {"http_signing_key": KEY}),
    }  # fmt: skip
    return server


@pytest.fixture
def connector(server):
    given = {
        "MAILGUN_API_KEY": "key-secret",
        "MAILGUN_DOMAIN": "mg.example.org",
        "MAILGUN_BASE_URL": server.url,
    }
    return lambda **more: connect.Connector(Entry(name="mailgun", type="mailgun", settings={**given, **more}))


def hooks(kinds, url=URL):
    return faults.answer(
        200, {"webhooks": {kind: {"urls": ["https://other.example", url]} for kind in kinds}}
    )


def changes(server):
    return [
        (one.method, one.path, parse_qs(one.body.decode())) for one in server.received if one.method != "GET"
    ]


def parts(found):
    found = list(found)
    (step,) = (one for one in found if isinstance(one, Step))
    (told,) = (one for one in found if isinstance(one, Variable))
    return step, told


def test_one_call_makes_the_webhook_for_every_event(server, connector):
    step, _ = parts(connector().connect(WISH))
    assert step.state is State.DONE
    assert changes(server) == [("POST", V4, {"url": [URL], "event_types": list(connect._EVENTS)})]


def test_what_is_there_is_left_alone(server, connector):
    server.paths[V3] = hooks(connect._EVENTS)
    assert parts(connector().connect(WISH))[0].state is State.THERE
    assert changes(server) == []


def test_a_webhook_that_lacks_events_is_changed(server, connector):
    server.paths[V3] = hooks(["delivered"])
    list(connector().connect(WISH))
    assert [method for method, _, _ in changes(server)] == ["PUT"]


def test_a_dry_run_changes_nothing(server, connector):
    step, _ = parts(connector().connect(Wish(name="x", url=URL, dry=True)))
    assert (step.state, changes(server)) == (State.MISSING, [])


def test_the_signing_key_is_named(connector):
    told = parts(connector().connect(WISH))[1]
    assert (told.name, told.value, told.is_set) == ("MAILGUN_EVENTS_SIGNING_KEY", KEY, False)
    assert parts(connector(MAILGUN_EVENTS_SIGNING_KEY=KEY).connect(WISH))[1].is_set


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_signing_key_that_may_not_be_read_is_left_to_a_person_and_never_made(server, connector, status):
    server.paths[SIGNING] = faults.answer(status, {"message": "no"})
    told = parts(connector().connect(WISH))[1]
    assert (told.value, told.is_set, told.where) == ("", False, connect._WHERE)
    assert SIGNING not in [path for _, path, _ in changes(server)]


def test_a_host_that_mailgun_cannot_find_is_told_in_its_words(server, connector):
    server.paths[V4] = faults.answer(400, {"Reason": "invalid parameters: host not found"})
    with pytest.raises(AccountProblem, match="host not found"):
        list(connector().connect(WISH))


def test_a_sending_key_is_told_which_key_it_takes(server, connector):
    server.paths[V3] = faults.answer(401, "Forbidden")
    with pytest.raises(AccountProblem, match="an account key"):
        list(connector().connect(WISH))


def test_its_test_is_a_mail_in_the_test_mode(server, connector):
    server.paths["/v3/mg.example.org/messages.mime"] = faults.answer(200, {"id": "<1@mg.example.org>"})
    assert connector().test(WISH, letter(), ATTEMPT)
    (mail,) = (one.body for one in server.received if one.method == "POST")
    assert b'name="o:testmode"\r\n\r\nyes' in mail
    assert ATTEMPT.encode() in mail
