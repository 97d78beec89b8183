"""The page of the providers: it tells how they stand, and only those who may change it; nothing is sent."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from delivery.models import Attempt, Circuit, CircuitChange, ProviderCheck
from delivery.routing import configured
from tests.browser import payloads
from tests.delivery.admin.pages import reader, text
from tests.delivery.factories import written

LINE_ENDS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1b[2K", "\x85", "\u2028", "\u2029"]
pytestmark = pytest.mark.django_db

PAGE = "/admin/delivery/circuit/"
ORDERS = ("check/", "check-all/", "take-out/", "put-back/")


@pytest.fixture(autouse=True)
def _two(settings: Any) -> Iterator[None]:
    """Two accounts that answer without a network, and one that lacks its key."""
    cache.clear()
    settings.GOMAIL_PROVIDERS = ("one=sandbox", "two=sandbox", "sendgrid")
    settings.PROVIDER_SECRETS = {}
    yield
    configured._build.cache_clear()


@pytest.fixture
def anna(db: None) -> Client:
    """Somebody who may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser("anna"))
    return client


def circuit(provider: str = "one", **fields: Any) -> Circuit:
    return Circuit.objects.create(provider=provider, **fields)


def soon(**ahead: int) -> Any:
    return timezone.now() + timedelta(**(ahead or {"hours": 10}))


def order(client: Client, word: str, **fields: str) -> Any:
    """Press a button and go where it leads."""
    return client.post(f"{PAGE}{word}/", {"provider": "one", **fields}, follow=True)


# What it tells.


def test_a_provider_without_any_row_is_in_use_and_was_not_asked(anna: Client) -> None:
    shown = text(anna.get(PAGE))

    for words in (
        "1 one sandbox In use",
        "always: nothing was ever wrong",
        "Last success none in the last 1,000",
        "Last failure none in the last 1,000",
        "Carries 40 MB, 1,000 recipients",
        "Not asked yet.",
        "None: no provider was ever in trouble.",
    ):
        assert words.lower() in shown.lower()


def test_providers_stand_in_the_order_of_preference_and_those_left_out_below(anna: Client) -> None:
    shown = text(anna.get(PAGE))

    assert (
        shown.index("1 one")
        < shown.index("2 two")
        < shown.index("sendgrid is left out: Set SENDGRID_API_KEY.")
    )


def test_an_installation_without_providers_says_so(anna: Client, settings: Any) -> None:
    settings.GOMAIL_PROVIDERS = ()

    assert "No provider is in use" in text(anna.get(PAGE))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"state": "closed"}, ["in use"]),
        ({"state": "closed", "paused_until": soon()}, ["paused", "It asked for a pause until"]),
        ({"state": "closed", "openings": 1}, ["coming back", "a part of the emails"]),
        ({"state": "open", "trouble": "failing", "reason": "503", "retry_at": soon()},
         ["not used", "Not used until", "it fails or is slow", "503", "Put back in service"]),
        ({"state": "open", "trouble": "account", "reason": "key expired", "retry_at": soon()},
         ["its account cannot send", "key expired"]),
        ({"state": "open", "trouble": "failing", "retry_at": soon(minutes=-1)}, ["tried with the next email"]),
        ({"state": "probing", "trouble": "failing", "retry_at": soon()}, ["being tried", "with one email"]),
        ({"state": "out", "reason": "moving", "changed_by": "bob"}, ["out of service", "Taken out by bob.", "moving"]),
        ({"state": "open", "trouble": "failing", "openings": 7, "retry_at": soon()}, ["Openings 7"]),
    ],
)  # fmt: skip
def test_every_state_of_a_circuit_is_told_in_words(
    anna: Client, fields: dict[str, Any], expected: list[str]
) -> None:
    circuit(**fields)
    shown = text(anna.get(PAGE))

    assert [words for words in expected if words not in shown] == []


def test_the_last_success_and_failure_are_those_of_the_provider(anna: Client) -> None:
    email = written()
    for provider, outcome, error, detail in (
        ("one", "accepted", "", ""),
        ("one", "not_sent", "unavailable", "connection refused"),
        ("one", "refused", "refused", "no such mailbox"),
        ("two", "not_sent", "unavailable", "of the other"),
    ):
        Attempt.objects.create(
            email=email, provider=provider, epoch=1, outcome=outcome, error=error, detail=detail
        )

    first, second = text(anna.get(PAGE)).split("2 two")

    assert "connection refused" in first
    assert "no such mailbox" not in first
    assert "of the other" in second
    assert "Last success none in the last 1,000" in second


def test_what_it_last_said_of_itself_is_shown(anna: Client) -> None:
    ProviderCheck.objects.create(
        provider="one",
        problems=["The key is refused."],
        warnings=["The reputation is low."],
        sandbox=True,
        quota={"limit": 50_000.0, "used": 46_012.0, "per": "24 hours"},
        senders={
            "a@example.org": {"verified": True, "detail": "by its domain"},
            "b@example.com": {"verified": False, "detail": "Verify example.com."},
            "c@example.net": {"verified": None, "detail": ""},
        },
    )
    shown = text(anna.get(PAGE))

    for words in (
        "would not carry mail",
        "The key is refused.",
        "The reputation is low.",
        "in the vendor's sandbox",
        "46,012 of 50,000 per 24 hours",
        "a@example.org by its domain verified",
        "b@example.com Verify example.com. not verified",
        "c@example.net unknown",
    ):
        assert words in shown.replace("&#x27;", "'")


def test_one_that_was_asked_and_has_not_answered_yet_is_not_called_ready(anna: Client) -> None:
    ProviderCheck.objects.create(provider="one", checked_at=None)

    assert "would carry mail" not in text(anna.get(PAGE))


def test_only_the_senders_domains_that_are_refused_now_are_named(anna: Client) -> None:
    for domain, ahead in (("now.example", 5), ("over.example", -5)):
        circuit(sender_domain=domain, state="open", trouble="sender", retry_at=soon(minutes=ahead))
    shown = text(anna.get(PAGE))

    assert "now.example until" in shown
    assert "over.example" not in shown


def test_of_very_many_refused_domains_some_are_named_and_the_others_counted(anna: Client) -> None:
    for number in range(40):
        circuit(sender_domain=f"{number}.example", state="open", trouble="sender", retry_at=soon())

    assert "and 15 more" in text(anna.get(PAGE))


def test_each_change_says_from_when_to_when_and_by_whom(anna: Client) -> None:
    row, night = circuit(), timezone.now().replace(hour=2, minute=0, second=0)
    for minute, state, by in ((1, "open", ""), (13, "out", "bob"), (20, "closed", "eve")):
        CircuitChange.objects.create(circuit=row, state=state, by=by, at=night.replace(minute=minute))
    shown = text(anna.get(PAGE))

    assert "02:01:00" in shown
    assert "02:13:00 12 minutes GoMail" in shown
    assert "02:20:00 7 minutes bob" in shown
    assert "until now eve" in shown


def test_the_history_is_of_fifty_changes_at_most(anna: Client) -> None:
    row = circuit()
    CircuitChange.objects.bulk_create(
        CircuitChange(circuit=row, state="open", reason=f"no. {n}.") for n in range(80)
    )
    shown = text(anna.get(PAGE))

    assert "no. 79." in shown
    assert "no. 30." in shown
    assert "no. 29." not in shown


def test_the_page_asks_the_database_as_often_for_a_long_history_as_for_none(anna: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert anna.get(PAGE).status_code == 200
        return len(captured)

    none, email = queries(), written()
    for number in range(60):
        row = circuit(sender_domain=f"{number}.example", state="open", trouble="sender", retry_at=soon())
        CircuitChange.objects.create(circuit=row, state="open")
        Attempt.objects.create(email=email, provider="one", epoch=1, outcome="not_sent", error="unavailable")
    ProviderCheck.objects.create(provider="one")

    assert queries() <= none + 1 <= 16  # the failure's email


@pytest.mark.parametrize("text_of_vendor", payloads.ALL[::12])
def test_what_a_vendor_wrote_is_shown_as_text(anna: Client, text_of_vendor: str) -> None:
    row = circuit(state="open", trouble="failing", reason=text_of_vendor, retry_at=soon())
    other = circuit(text_of_vendor[:50], sender_domain=text_of_vendor[:254])
    CircuitChange.objects.create(circuit=other, state="open", reason=text_of_vendor, by=text_of_vendor[:150])
    CircuitChange.objects.create(circuit=row, state="open", reason=text_of_vendor)
    senders = {text_of_vendor: {"verified": False, "detail": text_of_vendor}}
    told = {"problems": [text_of_vendor], "warnings": [text_of_vendor], "senders": senders}
    ProviderCheck.objects.create(
        provider="two", quota={"limit": 1.0, "used": 0.0, "per": text_of_vendor}, **told
    )

    for url in (PAGE, "/admin/"):
        assert text_of_vendor not in anna.get(url).content.decode() or "<" not in text_of_vendor


# What a person does.


def test_a_provider_is_taken_out_with_a_reason(anna: Client) -> None:
    shown = text(order(anna, "take-out", reason="  it moves house "))

    row = Circuit.objects.get()
    assert (row.provider, row.state, row.reason, row.changed_by) == ("one", "out", "it moves house", "anna")
    assert CircuitChange.objects.get().by == "anna"
    assert "one is out of service. It gets no email until somebody puts it back." in shown
    assert "it moves house" in shown


def test_a_reason_is_not_needed(anna: Client) -> None:
    order(anna, "take-out")

    assert Circuit.objects.get(state="out").reason == ""


def test_one_that_is_out_is_not_taken_out_again(anna: Client) -> None:
    circuit(state="out", reason="first", changed_by="bob")
    shown = text(order(anna, "take-out", reason="second"))

    assert "one was out of service already." in shown
    assert (Circuit.objects.get().reason, Circuit.objects.get().changed_by) == ("first", "bob")


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "out"},
        {"state": "open", "trouble": "failing", "retry_at": soon(), "openings": 4},
        {"paused_until": soon()},
    ],
)
def test_a_provider_is_put_back_whatever_was_wrong(anna: Client, fields: dict[str, Any]) -> None:
    circuit(**fields)
    shown = text(order(anna, "put-back"))

    row = Circuit.objects.get()
    assert (row.state, row.openings, row.paused_until, row.changed_by) == ("closed", 0, None, "anna")
    assert "one is in service again, from now on." in shown


def test_putting_back_what_is_in_service_says_so(anna: Client) -> None:
    assert "one was in service already." in text(order(anna, "put-back"))
    assert not CircuitChange.objects.exists()


def test_a_senders_domain_is_tried_again_without_touching_the_provider(anna: Client) -> None:
    whole = circuit(state="out")
    circuit(sender_domain="example.com", state="open", trouble="sender", retry_at=soon())

    assert "one for example.com is in service again" in text(
        order(anna, "put-back", sender_domain="example.com")
    )
    whole.refresh_from_db()
    assert whole.state == "out"
    assert Circuit.objects.get(sender_domain="example.com").state == "closed"


def test_one_is_asked_and_the_answer_kept_and_told(anna: Client) -> None:
    shown = text(order(anna, "check"))

    assert ProviderCheck.objects.get().provider == "one"
    assert "one takes mail, but is in its vendor" in shown
    assert "one delivers nothing: it is for development." in shown


def test_all_are_asked_at_once(anna: Client) -> None:
    anna.post(f"{PAGE}check-all/")

    assert set(ProviderCheck.objects.values_list("provider", flat=True)) == {"one", "two"}


def test_a_vendor_that_cannot_be_reached_is_a_message_and_no_error(anna: Client, settings: Any) -> None:
    from tests import fakes

    settings.GOMAIL_PROVIDERS, settings.PROVIDER_SECRETS = ("sendgrid",), fakes.variables(None, None)

    answer = order(anna, "check", provider="sendgrid")
    assert answer.status_code == 200
    assert ProviderCheck.objects.get().provider == "sendgrid"
    assert "sendgrid" in next(str(message) for message in answer.context["messages"])


@pytest.mark.parametrize("word", ["check", "take-out", "put-back"])
@pytest.mark.parametrize("name", ["nobody", "sendgrid", "<script>pwn()</script>", "one/", " one", "ONE"])
def test_a_provider_that_is_not_in_use_here_is_not_found(anna: Client, word: str, name: str) -> None:
    answer = order(anna, word, provider=name)

    assert answer.status_code == 404
    assert "<script>pwn" not in answer.content.decode()
    assert not Circuit.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        *({"provider": ""}, {"reason": "x" * 501}, {"reason": "\x00"}, {"sender_domain": "\x00"}),
        *({"reason": f"it moves{end}2026-11-28 CRITICAL root all is lost"} for end in LINE_ENDS),
        *({"provider": f"one{end}x"} for end in LINE_ENDS),
    ],
)
def test_what_the_page_never_sends_is_refused(anna: Client, fields: dict[str, str]) -> None:
    for word in ("take-out", "put-back"):
        assert order(anna, word, **fields).status_code == 400
    assert not Circuit.objects.exists()


# Who may.


@pytest.mark.parametrize("path", ["", *ORDERS])
def test_without_a_staff_login_there_is_the_login_page(path: str) -> None:
    somebody = Client()
    somebody.force_login(User.objects.create_user("customer"))
    for client in (Client(), somebody):
        for method in (client.get, client.post):
            answer = method(PAGE + path, {"provider": "one"})
            assert (answer.status_code, answer["Location"].startswith("/admin/login/")) == (302, True)
    assert not Circuit.objects.exists()


@pytest.mark.parametrize("path", ["", *ORDERS])
def test_staff_that_is_in_no_team_is_refused(path: str) -> None:
    client = reader()

    assert (
        client.get(PAGE + path).status_code
        == client.post(PAGE + path, {"provider": "one"}).status_code
        == 403
    )


def test_a_viewer_sees_the_page_without_buttons_and_cannot_press_them() -> None:
    circuit(state="open", trouble="failing", retry_at=soon(), reason="about eve@rival.example")
    circuit(sender_domain="rival.example", state="open", trouble="sender", retry_at=soon())
    client = reader("viewer")

    shown = client.get(PAGE).content.decode()
    assert "Not used until" in shown
    assert "rival.example" not in shown
    assert PAGE + "take-out" not in shown
    assert "Put back" not in shown
    assert "Check now" not in shown
    assert "Try again" not in shown
    assert {client.post(PAGE + path, {"provider": "one"}).status_code for path in ORDERS} == {403}
    assert not CircuitChange.objects.exists()


def test_a_teams_admin_may_check_but_not_decide_for_all_teams() -> None:
    client = reader("admin")
    shown = client.get(PAGE).content.decode()
    assert "Check now" in shown
    assert PAGE + "take-out" not in shown

    answers = {path: client.post(PAGE + path, {"provider": "one"}).status_code for path in ORDERS}
    assert answers == {"check/": 302, "check-all/": 302, "take-out/": 403, "put-back/": 403}


@pytest.mark.parametrize("path", ORDERS)
@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_the_buttons_take_nothing_but_post(anna: Client, path: str, method: str) -> None:
    assert getattr(anna, method)(f"{PAGE}{path}?provider=one").status_code == 405
    assert not Circuit.objects.exists()
    assert not ProviderCheck.objects.exists()


@pytest.mark.parametrize("path", ORDERS)
def test_the_buttons_need_the_csrf_token(anna: Client, path: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = anna.cookies

    assert strict.post(PAGE + path, {"provider": "one"}).status_code == 403
    assert not Circuit.objects.exists()


@pytest.mark.parametrize("path", ["add/", "1/change/", "1/delete/", "1/history/", "1/"])
def test_a_circuit_has_no_form_of_its_own(anna: Client, path: str) -> None:
    circuit()

    assert anna.get(PAGE + path).status_code == 404
    assert anna.post(PAGE, {"action": "delete_selected"}).status_code == 403


def test_looking_changes_nothing(anna: Client) -> None:
    circuit(state="open", trouble="failing", retry_at=soon(minutes=-5))
    before = Circuit.objects.values().get()
    anna.get(PAGE)
    anna.get("/admin/")

    assert Circuit.objects.values().get() == before
    assert not CircuitChange.objects.exists()
    assert not ProviderCheck.objects.exists()


# The first page and the sidebar.


def test_the_first_page_names_the_providers_in_trouble_and_no_others(anna: Client) -> None:
    circuit("two", state="out", reason="moving", changed_by="bob")
    shown = text(anna.get("/admin/"))

    assert "out of service two Taken out by bob. moving" in shown
    assert "one" not in shown.partition("Providers in trouble")[2].partition("1 hour")[0].split()


def test_the_first_page_says_nothing_of_providers_while_all_is_well(anna: Client) -> None:
    assert "Providers in trouble" not in text(anna.get("/admin/"))


def test_the_first_page_hides_providers_from_those_who_may_not_see_them() -> None:
    circuit(state="out", reason="secret", changed_by="bob")
    shown = text(reader().get("/admin/"))

    assert "secret" not in shown
    assert "Providers" not in shown


def test_the_sidebar_leads_to_the_page(anna: Client) -> None:
    assert f'href="{PAGE}"' in anna.get("/admin/").content.decode()
