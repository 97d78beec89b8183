"""That Mandrill's webhook is set up by calls that may be repeated."""

import pytest

from providers.configuration import Entry
from providers.connector import NoTestEvent, State, Step, Variable, Wish
from providers.errors import AccountProblem
from providers.mandrill import connect
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, letter

LIST, ADD, UPDATE = (f"/webhooks/{call}.json" for call in ("list", "add", "update"))
URL = "https://mail.example.org/api/v1/email-service/events/mandrill/"
WISH = Wish(name="gomail-events-mandrill", url=URL)
HOOK = {"id": 1131, "url": URL, "auth_key": "UHeOnTqMBMGqAEMadhA6xQ", "events": list(connect._EVENTS)}


@pytest.fixture
def server(server):
    server.paths |= {
        LIST: faults.answer(200, [{**HOOK, "id": 1, "url": "https://other.example"}]),
        ADD: faults.answer(200, HOOK), UPDATE: faults.answer(200, HOOK),
    }  # fmt: skip
    return server


@pytest.fixture
def connector(server):
    given = {"MANDRILL_API_KEY": "md-secret", "MANDRILL_BASE_URL": server.url}
    return lambda **more: connect.Connector(
        Entry(name="mandrill", type="mandrill", settings={**given, **more})
    )


def calls(server):
    return [(one.path, one.json()) for one in server.received if one.path != LIST]


def states(found):
    return [step.state for step in found if isinstance(step, Step)]


def test_a_webhook_is_made_for_every_event(server, connector):
    next(connector().connect(WISH))
    ((path, fields),) = calls(server)
    assert (path, fields["url"], fields["events"]) == (ADD, URL, list(connect._EVENTS))


def test_what_is_there_is_left_alone_and_its_key_is_named(server, connector):
    server.paths[LIST] = faults.answer(200, [HOOK])
    found = list(connector().connect(WISH))
    assert (states(found), calls(server)) == ([State.THERE, State.THERE], [])
    assert [one for one in found if isinstance(one, Variable)] == [
        Variable(name="MANDRILL_EVENTS_KEY", value="UHeOnTqMBMGqAEMadhA6xQ", is_set=False)
    ]


def test_a_webhook_that_lacks_events_is_changed(server, connector):
    server.paths[LIST] = faults.answer(200, [{**HOOK, "events": ["send"]}])
    list(connector().connect(WISH))
    ((path, fields),) = calls(server)
    assert (path, fields["id"], fields["events"]) == (UPDATE, 1131, list(connect._EVENTS))


def test_a_dry_run_changes_nothing(server, connector):
    found = list(connector().connect(Wish(name="x", url=URL, dry=True)))
    assert (states(found), calls(server)) == ([State.MISSING, State.MISSING], [])


def test_an_address_that_does_not_answer_mandrill_is_told_in_its_words(server, connector):
    words = {"status": "error", "code": -2, "name": "ValidationError", "message": "POST to the URL failed"}
    server.paths[ADD] = faults.answer(500, words)
    with pytest.raises(AccountProblem, match="ValidationError: POST to the URL failed"):
        list(connector().connect(WISH))


def test_there_is_no_test_event_but_the_address_is_asked_once_more(server, connector):
    server.paths[LIST] = faults.answer(200, [HOOK])
    with pytest.raises(NoTestEvent, match="no test event"):
        connector().test(WISH, letter(), ATTEMPT)
    assert [path for path, _ in calls(server)] == [UPDATE]
