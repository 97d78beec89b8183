"""mailings/: made, read, changed and deleted; what nobody could be sent is refused and named."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from delivery.access import keys
from delivery.library import templates
from delivery.models import AuditEntry, Mailing, Membership, Signature, Team
from tests import fakes
from tests.api.mailings import made
from tests.api.mailings.made import delete, error, patch

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("links")]
MISSING = "00000000-0000-0000-0000-000000000000"


def published(team: str = "tests", slug: str = "june") -> Any:
    whose = Team.objects.get_or_create(name=team)[0]
    made = templates.create(whose, name="June", slug=slug)
    templates.publish(templates.add_version(made, subject="June", html="<p>Hi {{ contact.email }}</p>"))
    return made


def test_a_mailing_is_made_read_changed_and_deleted(api: fakes.Api, news: str) -> None:
    soon = (timezone.now() + timedelta(days=1)).isoformat()
    given = {
        "rate": 14,
        "domain_rates": {"GMail.com": 5},
        "send_at": soon,
        "reply_to": "Ann <ann@example.org>",
    }
    answer = api.post("mailings/", {"name": "June", "group": news, **made.BODIES, **given})
    assert answer.status_code == 201
    shown = answer.json()
    assert answer.headers["Location"].endswith(f"/mailings/{shown['id']}/")
    assert api.get(f"mailings/{shown['id']}/").json() == shown
    assert (shown["state"], shown["rate"], shown["domain_rates"]) == ("draft", 14.0, {"gmail.com": 5.0})
    assert (shown["reply_to"], shown["on_ambiguous"]) == ('"Ann" <ann@example.org>', "stop")
    assert (shown["check"], shown["processed"], shown["eta_seconds"], shown["by"]) == (None, 0, None, "")
    path = f"mailings/{shown['id']}/"
    changed = patch(api, path, {"name": "July", "rate": "", "send_at": "", "on_ambiguous": "resend"}).json()
    assert (changed["name"], changed["rate"], changed["send_at"]) == ("July", None, None)
    assert (changed["on_ambiguous"], changed["subject"]) == ("resend", made.BODIES["subject"])
    assert delete(api, path).status_code == 204
    assert api.get(path).status_code == 404
    done = AuditEntry.objects.filter(object_kind="mailing").order_by("id").values_list("action", flat=True)
    assert list(done) == ["mailing.created", "mailing.changed", "mailing.deleted"]


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"name": ""}, "name", "required"),
        ({"name": "x" * 101}, "name", "too_long"),
        ({"name": "a\r\nBcc: b"}, "name", "control_character"),
        ({"name": 5}, "name", "wrong_type"),
        ({"group": MISSING}, "group", "invalid_value"),
        ({"group": True}, "group", "wrong_type"),
        ({"group": "news"}, "group", "invalid_value"),
        ({"exclude": MISSING}, "exclude", "wrong_type"),
        ({"exclude": [MISSING]}, "exclude[0]", "invalid_value"),
        ({"exclude": [None]}, "exclude[0]", "wrong_type"),
        ({"exclude": [MISSING] * 101}, "exclude", "too_many"),
        ({"subject": "a\x01"}, "subject", "control_character"),
        ({"subject": "x" * 5_001}, "subject", "too_long"),
        ({"subject": ""}, "subject", "required"),
        ({"html": ""}, "html", "required"),
        ({"html": ["x"]}, "html", "wrong_type"),
        ({"html": "x" * 300_000}, "html", "too_long"),
        ({"from_address": "nobody"}, "from_address", "invalid_address"),
        ({"from_address": "a@example.org, b@example.org"}, "from_address", "invalid_address"),
        ({"reply_to": {"a": 1}}, "reply_to", "wrong_type"),
        ({"signature": "none"}, "signature", "invalid_value"),
        ({"on_ambiguous": "maybe"}, "on_ambiguous", "invalid_choice"),
        ({"rate": 0}, "rate", "invalid_value"),
        ({"rate": -1}, "rate", "invalid_value"),
        ({"rate": 1e9}, "rate", "invalid_value"),
        ({"rate": True}, "rate", "wrong_type"),
        ({"rate": "14"}, "rate", "wrong_type"),
        ({"domain_rates": [5]}, "domain_rates", "wrong_type"),
        ({"domain_rates": {"gmail.com": False}}, "domain_rates[gmail.com]", "wrong_type"),
        ({"domain_rates": {"gmail.com": 0}}, "domain_rates[gmail.com]", "invalid_value"),
        ({"domain_rates": {"a b": 1}}, "domain_rates[a b]", "invalid_value"),
        ({"domain_rates": {"a.org": 1, "A.org": 2}}, "domain_rates", "duplicate_field"),
        ({"domain_rates": {f"a{n}.org": 1 for n in range(101)}}, "domain_rates", "too_many"),
        ({"send_at": "2026-01-01T08:00:00Z"}, "send_at", "invalid_value"),
        ({"send_at": "2036-01-01T08:00:00Z"}, "send_at", "invalid_value"),
        ({"send_at": "2026-12-24T08:00:00"}, "send_at", "invalid_value"),
        ({"send_at": 1_800_000_000}, "send_at", "wrong_type"),
        ({"template": "june"}, "template", "invalid_value"),
        ({"colour": "red"}, "colour", "unknown_field"),
        ({"state": "sending"}, "state", "unknown_field"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(
    api: fakes.Api, news: str, fields: dict[str, Any], field: str, code: str
) -> None:
    answer = api.post("mailings/", {"name": "June", "group": news, **made.BODIES, **fields})
    assert (*error(answer), Mailing.objects.count()) == (400, field, code, 0)


@pytest.mark.parametrize("rate", [b"NaN", b"Infinity", b"1e400", b"1" + b"0" * 30])
def test_a_rate_that_is_no_number_of_this_world_is_refused(api: fakes.Api, news: str, rate: bytes) -> None:
    body = b'{"name": "June", "group": "%s", "subject": "Hi", "text": "Hi", "rate": %s}' % (
        news.encode(),
        rate,
    )
    assert api.post("mailings/", body).status_code == 400
    assert Mailing.objects.count() == 0


def test_the_longest_subject_body_and_name_are_taken(api: fakes.Api, news: str) -> None:
    given = {"name": "x" * 100, "subject": "x" * 5_000, "html": f"<p>{'ü' * 100_000}</p>"}
    assert api.get(f"mailings/{made.mailing(api, news, **given)}/").json()["name"] == "x" * 100


def test_a_body_that_is_no_liquid_is_refused_with_its_line(api: fakes.Api, news: str) -> None:
    answer = api.post(
        "mailings/", {"name": "June", "group": news, "subject": "Hi", "html": "<p>\n{% if %}</p>"}
    )
    assert error(answer) == (422, "html", "template_syntax")
    assert answer.json()["errors"][0]["message"].startswith("line 2: ")


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ("{{ customer.name }}", "undeclared_variable"),
        ("{% render 'footer' %}", "unknown_partial"),
        ("<script>x</script>", "script"),
        ("{{ contact.email | shout }}", "template_syntax"),
    ],
)
def test_a_body_that_cannot_be_written_is_refused(api: fakes.Api, news: str, html: str, code: str) -> None:
    answer = api.post("mailings/", {"name": "June", "group": news, "subject": "Hi", "html": html})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)
    assert Mailing.objects.count() == 0


def test_contact_mailing_and_unsubscribe_url_may_be_named(api: fakes.Api, news: str) -> None:
    html = "{{ contact.city }} {{ contact.data.city }} {{ mailing.name }} {{ unsubscribe_url }}"
    assert made.mailing(api, news, html=html)


def test_a_sender_must_stand_in_the_mailing_or_its_group(api: fakes.Api) -> None:
    nameless = made.group(api, name="Nameless", from_address="")
    answer = api.post("mailings/", {"name": "June", "group": nameless, **made.BODIES})
    assert error(answer) == (400, "from_address", "required")
    pk = made.mailing(api, nameless, from_address="me@example.org")
    assert error(patch(api, f"mailings/{pk}/", {"from_address": ""})) == (400, "from_address", "required")


def test_the_group_itself_is_not_excluded(api: fakes.Api, news: str) -> None:
    answer = api.post("mailings/", {"name": "June", "group": news, "exclude": [news], **made.BODIES})
    assert error(answer) == (400, "exclude", "invalid_value")
    pk = made.mailing(api, news, exclude=[made.group(api, name="Others")])
    assert error(patch(api, f"mailings/{pk}/", {"exclude": [news]})) == (400, "exclude", "invalid_value")


def test_a_template_must_be_published(api: fakes.Api, news: str) -> None:
    draft = templates.create(Team.objects.get(name="tests"), name="Draft", slug="draft")
    for named in ("draft", str(draft.pk), "nothing", MISSING):
        answer = api.post("mailings/", {"name": "June", "group": news, "template": named})
        assert (answer.status_code, answer.json()["code"]) == (422, "template_not_found"), named


def test_a_template_takes_the_bodies_away_and_bodies_the_template(api: fakes.Api, news: str) -> None:
    template = published()
    path = f"mailings/{made.mailing(api, news)}/"
    named = patch(api, path, {"template": "june"}).json()
    assert (named["template"], named["subject"], named["html"]) == (str(template.pk), "", "")
    assert error(patch(api, path, {"template": ""})) == (400, "subject", "required")
    own = patch(api, path, {"subject": "Hi", "text": "Hi"}).json()
    assert (own["template"], own["subject"], own["text"]) == (None, "Hi", "Hi")
    assert error(patch(api, path, {"template": "june", "text": "Hi"})) == (400, "template", "invalid_value")


def test_what_another_team_has_is_as_missing(api: fakes.Api, news: str) -> None:
    other = fakes.Api(api.client, keys.issue("others", scopes=["contacts.write", "contacts.read"])[1])
    theirs = made.group(other, name="Theirs")
    signature = Signature.objects.create(team=Team.objects.get(name="others"), name="S", match="group")
    for fields, nothing in (
        ({"group": theirs}, {"group": MISSING}),
        ({"exclude": [theirs]}, {"exclude": [MISSING]}),
        ({"template": str(published("others").pk), "subject": "", "html": ""}, None),
        ({"signature": str(signature.pk)}, None),
    ):
        body = {"name": "June", "group": news, **made.BODIES}
        there = api.post("mailings/", body | fields)
        assert there.status_code in (400, 422), fields
        if nothing:
            assert there.content == api.post("mailings/", body | nothing).content
    assert Mailing.objects.count() == 0


def test_mailings_are_listed_newest_first_and_filtered(api: fakes.Api, news: str) -> None:
    others = made.group(api, name="Others")
    first, second = made.mailing(api, news), made.checked(api, others)
    for query, found in (
        ({}, [second, first]),
        ({"state": "checked"}, [second]),
        ({"group": news}, [first]),
        ({"group": MISSING}, []),
    ):
        assert [row["id"] for row in api.get("mailings/", **query).json()["results"]] == found, query
    assert error(api.get("mailings/", status="x")) == (400, "status", "unknown_field")
    assert error(api.get("mailings/", state="x")) == (400, "state", "invalid_choice")


def test_what_was_started_is_neither_changed_nor_deleted(api: fakes.Api, news: str) -> None:
    path = f"mailings/{made.started(api, news)}/"
    for answer in (patch(api, path, {"name": "July"}), delete(api, path)):
        assert (answer.status_code, answer.json()["code"]) == (409, "mailing_state")
    assert Mailing.objects.get().name == "June"


def test_a_change_makes_a_checked_mailing_a_draft_without_recipients(api: fakes.Api, news: str) -> None:
    path = f"mailings/{made.checked(api, news)}/"
    assert len(api.get(f"{path}recipients/").json()["results"]) == 1
    changed = patch(api, path, {"name": "July"}).json()
    assert (changed["state"], changed["check"]) == ("draft", None)
    assert api.get(f"{path}recipients/").json()["results"] == []


def test_a_group_is_kept_while_a_mailing_goes_to_it(api: fakes.Api, news: str) -> None:
    pk = made.started(api, news)
    assert delete(api, f"groups/{news}/").json()["code"] == "group_in_use"
    assert api.post(f"mailings/{pk}/cancel/", {}).status_code == 200
    assert delete(api, f"groups/{news}/").status_code == 204
    assert api.get(f"mailings/{pk}/").json()["group"] is None
    assert Membership.objects.count() == 0


def test_a_template_is_kept_that_a_mailing_is_written_with(api: fakes.Api, news: str) -> None:
    published()
    answer = api.post("mailings/", {"name": "June", "group": news, "template": "june"})
    assert answer.status_code == 201
    refused = delete(api, "templates/june/")
    assert (refused.status_code, refused.json()["code"]) == (409, "template_in_use")
    assert refused.json()["message"].startswith("Mailings are written")


def test_a_key_touches_no_mailing_of_a_sender_that_it_may_not_use(api: fakes.Api, news: str) -> None:
    pk = made.mailing(api, news)
    scopes = ["mailings.read", "mailings.write", "contacts.read", "contacts.write"]
    token = keys.issue("tests", scopes=scopes, from_addresses=["shop@example.org"])[1]
    shop = fakes.Api(api.client, token)
    body = {"name": "June", "group": news, **made.BODIES}
    someone = made.contact(api, "eve")
    answers = [
        shop.post("mailings/", body),
        shop.post("mailings/", body | {"from_address": "other@example.org"}),
        patch(shop, f"mailings/{pk}/", {"from_address": "shop@example.org"}),
        delete(shop, f"mailings/{pk}/"),
        shop.post(f"mailings/{pk}/check/", {}),
        shop.post(f"mailings/{pk}/test/", {"addresses": ["me@example.org"], "contact": someone}),
        shop.post(f"mailings/{pk}/start/", {"recipients": 1}),
        *(shop.post(f"mailings/{pk}/{verb}/", {}) for verb in ("pause", "resume", "cancel", "retry")),
    ]
    assert {(each.status_code, each.json()["code"]) for each in answers} == {(403, "sender_not_allowed")}
    own = shop.post("mailings/", body | {"from_address": "Shop <shop@example.org>"})
    assert own.status_code == 201
    path = f"mailings/{own.json()['id']}/"
    assert patch(shop, path, {"from_address": "news@example.org"}).json()["code"] == "sender_not_allowed"
    assert patch(shop, path, {"name": "July"}).status_code == 200
