"""mailings/{id}/test/: the email as one contact would get it, sent to others; it counts nowhere and ends nothing."""

from typing import Any

import pytest

from delivery import bundles
from delivery.access import keys
from delivery.library import signatures
from delivery.models import Contact, Email, Limits, Mailing, Membership, Suppression, Team, UnsubscribeLink
from tests import fakes
from tests.api.mailings import made
from tests.api.mailings.made import error, patch

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("links")]
ME, YOU = "me@example.org", "You <you@example.org>"


def test_a_test_goes_to_all_who_are_named_with_the_contacts_data(api: fakes.Api, news: str) -> None:
    answer = sent(api, made.mailing(api, news, on_ambiguous="resend"), [ME, YOU])
    told = answer.json()
    assert (answer.status_code, told["accepted"], told["refused"]) == (202, 2, 0)
    assert [row["address"] for row in told["results"]] == [ME, "you@example.org"]
    for row, to in zip(told["results"], (ME, "you@example.org"), strict=True):
        email = Email.objects.get(pk=row["id"])
        assert [each.address for each in email.recipients.all()] == [to]
        assert (email.subject, email.priority, email.mailing) == ("[Test] News for Ann", "normal", None)
        assert (email.purpose, email.on_ambiguous) == ("marketing", "resend")
        assert email.html_body == "<p>Hi Ann, Wien</p>"
        assert email.headers["List-ID"].startswith(f"<{news}.")
    shown = api.get(f"mailings/{Mailing.objects.get().pk}/").json()
    assert (shown["state"], sum(shown["counts"].values())) == ("draft", 0)


def sent(api: fakes.Api, pk: str, to: Any, **fields: Any) -> Any:
    return post(api, pk, {"addresses": to, "contact": str(Contact.objects.get().pk), **fields})


def post(api: fakes.Api, pk: str, body: Any, **headers: str) -> Any:
    path = f"{fakes.V1}mailings/{pk}/test/"
    return api.client.post(path, body, content_type="application/json", headers=api.headers | headers)


def test_the_link_of_a_test_says_so_and_ends_nothing(api: fakes.Api, news: str) -> None:
    html = "<p><a href='{{ unsubscribe_url }}'>no more</a></p>"
    assert sent(api, made.mailing(api, news, html=html), [ME]).status_code == 202
    link = link_of(Email.objects.get())
    for answer in (api.client.get(link), api.client.post(link, {"List-Unsubscribe": "One-Click"})):
        assert answer.status_code == 200
        assert "This was a test" in answer.content.decode()
        assert "<form" not in answer.content.decode()
    assert Suppression.objects.count() == 0
    assert set(Membership.objects.values_list("status", flat=True)) == {"subscribed"}


def link_of(email: Email) -> str:
    message = bundles.load(email).message()
    link = message.headers["List-Unsubscribe"].strip("<>")
    assert link in message.html
    assert message.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return link.removeprefix("https://mail.example.org")


def test_the_link_of_a_test_that_is_not_kept_any_more_ends_nothing(api: fakes.Api, news: str) -> None:
    sent(api, made.mailing(api, news, html="{{ unsubscribe_url }}"), [ME])
    link = link_of(Email.objects.get())
    UnsubscribeLink.objects.bulk_create(
        [UnsubscribeLink(id=Email.objects.get().pk, scope="test", address=ME)]
    )
    Email.objects.all().delete()
    assert "This was a test" in api.client.post(link).content.decode()
    assert Suppression.objects.count() == 0


def test_a_checked_mailing_is_tested_as_it_was_checked(api: fakes.Api, news: str) -> None:
    pk = made.checked(api, news)
    assert sent(api, pk, [ME]).status_code == 202
    assert Mailing.objects.get().state == "checked"


def test_a_test_is_signed_once(api: fakes.Api, news: str) -> None:
    signatures.create(
        Team.objects.get(name="tests"),
        name="S",
        html="<b>Signed</b>",
        match="group",
        match_value=news,
        once=False,
    )
    sent(api, made.mailing(api, news), [ME])
    assert Email.objects.get().html_body.count("Signed") == 1


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"addresses": []}, "addresses", "empty"),
        ({"addresses": ["nobody"]}, "addresses[0]", "invalid_address"),
        ({"addresses": [f"a{n}@example.org" for n in range(11)]}, "addresses", "too_many"),
        ({"addresses": {"a": 1}}, "addresses", "wrong_type"),
        ({"addresses": None}, "addresses", "required"),
        ({"contact": None}, "contact", "required"),
        ({"contact": 5}, "contact", "wrong_type"),
        ({"contact": "ann"}, "contact", "invalid_value"),
        ({"contact": "00000000-0000-0000-0000-000000000000"}, "contact", "invalid_value"),
        ({"subject": "x"}, "subject", "unknown_field"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_sent(
    api: fakes.Api, news: str, fields: dict[str, Any], field: str, code: str
) -> None:
    answer = sent(api, made.mailing(api, news), fields.pop("addresses", [ME]), **fields)
    assert (*error(answer), Email.objects.count()) == (400, field, code, 0)


def test_an_address_that_is_named_twice_gets_one(api: fakes.Api, news: str) -> None:
    assert sent(api, made.mailing(api, news), [ME, "Me <ME@example.org>"]).json()["accepted"] == 1


def test_a_test_that_cannot_be_written_says_why(api: fakes.Api, news: str) -> None:
    pk = made.mailing(api, news)
    Contact.objects.update(first_name="")
    answer = sent(api, pk, [ME])
    assert error(answer) == (422, "variables.contact.first_name", "required")
    assert Email.objects.count() == 0


def test_who_is_suppressed_gets_no_test_and_the_others_do(api: fakes.Api, news: str) -> None:
    api.post("suppressions/", {"address": ME, "reason": "gone"})
    told = sent(api, made.mailing(api, news), [ME, YOU]).json()
    assert [row.get("code", row.get("status")) for row in told["results"]] == ["all_suppressed", "queued"]


def test_a_test_is_sent_once_for_one_idempotency_key(api: fakes.Api, news: str) -> None:
    pk = made.mailing(api, news)
    body = {"addresses": [ME, YOU], "contact": str(Contact.objects.get().pk)}
    answers = [post(api, pk, body, **{"Idempotency-Key": "one"}) for _ in range(2)]
    assert answers[0].json()["results"] == answers[1].json()["results"]
    assert Email.objects.count() == 2
    patch(api, f"mailings/{pk}/", {"subject": "Another"})
    assert post(api, pk, body, **{"Idempotency-Key": "one"}).json()["accepted"] == 2
    other = post(api, pk, body | {"addresses": [YOU, ME]}, **{"Idempotency-Key": "one"})
    assert {row["code"] for row in other.json()["results"]} == {"idempotency_key_reused"}
    assert Email.objects.count() == 2


def test_a_test_counts_against_the_limits(api: fakes.Api, news: str) -> None:
    Limits.objects.create(team=Team.objects.get(name="tests"), daily=1)
    keys._live.cache_clear()
    answer = sent(api, made.mailing(api, news), [ME, YOU])
    assert (answer.status_code, Email.objects.count()) == (429, 0)
