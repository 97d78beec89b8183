"""Emails that name a template instead of a subject and bodies."""

import json
from typing import Any

import pytest

from delivery.library import templates
from delivery.models import Email, Team
from delivery.submission import composing
from tests import fakes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers", "links")]
HTML = "<p>Hi {{ customer.name }}</p>"
DECLARED = [{"name": "customer", "type": "object"}]
ANN = {"customer": {"name": "Ann"}}


@pytest.fixture(autouse=True)
def looked_up_anew() -> None:
    templates.forget()


def published(team: Team | None, slug: str = "order", **fields: Any) -> Any:
    template = templates.find(team, slug) or templates.create(team, name=slug, slug=slug)
    given = {"subject": "For {{ customer.name }}", "html": HTML, "variables": DECLARED, **fields}
    version = templates.add_version(template, **given)
    templates.publish(version)
    return version


@pytest.fixture
def order(api: fakes.Api) -> Any:
    return published(Team.objects.get())


def sent(answer: Any) -> Email:
    assert answer.status_code in (200, 202), answer.json()
    return Email.objects.get(pk=answer.json()["id"])


def error(answer: Any) -> tuple[int, str, list[str]]:
    told = answer.json()
    return answer.status_code, told["code"], [row["field"] for row in told["errors"]]


def keyed(api: fakes.Api, asked: dict[str, Any]) -> Any:
    """Send with an Idempotency-Key."""
    headers = {**api.headers, "Idempotency-Key": "k1"}
    return api.client.post(fakes.V1 + "send-email/", asked, content_type="application/json", headers=headers)


def form(api: fakes.Api, asked: dict[str, Any]) -> Any:
    """Send as a form."""
    return api.client.post(fakes.V1 + "send-email/", asked, headers=api.headers)


def bare(**fields: Any) -> dict[str, Any]:
    """Return a request without subject and body."""
    return {"from_address": "me@example.org", "to_addresses": "bob@example.org", **fields}


def test_the_template_is_written_and_named(api: fakes.Api, order: Any) -> None:
    email = sent(api.post("send-email/", bare(template="order", variables=ANN)))
    assert (email.subject, email.html_body, email.text_body) == ("For Ann", "<p>Hi Ann</p>", "Hi Ann\n")
    shown = api.get(f"emails/{email.pk}/").json()
    assert shown["template"] == {"id": str(order.template_id), "slug": "order", "version": 1, "locale": ""}


def test_what_the_provider_gets_is_what_was_written(
    api: fakes.Api, order: Any, ses: fakes.FakeVendor
) -> None:
    sent(api.post("send-email/", bare(template=str(order.template_id), variables=ANN)))
    assert "Hi Ann" in str(ses.arrived()[0].mime)


def test_a_form_takes_it_too(api: fakes.Api, order: Any) -> None:
    given = bare(template="order", variables=json.dumps(ANN), locale="de_AT")
    assert sent(form(api, given)).subject == "For Ann"
    bracketed = bare(template="order", **{"variables[customer]": "x"})
    assert error(form(api, bracketed))[1] == "template_variable_missing"


def test_a_batch_writes_each_with_its_own(api: fakes.Api, order: Any) -> None:
    emails = [bare(template="order", variables={"customer": {"name": name}}) for name in ("Ann", "Bob")]
    answer = api.post("batches/", {"emails": [*emails, bare(template="order"), bare(template="nix")]}).json()
    assert [row.get("code") for row in answer["results"]] == [
        None, None, "template_variable_missing", "template_not_found",
    ]  # fmt: skip
    assert sorted(Email.objects.values_list("subject", flat=True)) == ["For Ann", "For Bob"]


def test_a_batch_has_twenty_seconds_for_its_templates(api: fakes.Api, order: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(composing, "_SECONDS", -1.0)
    answer = api.post("batches/", {"emails": [bare(template="order", variables=ANN), bare(subject="x")]})
    assert [row.get("code") for row in answer.json()["results"]] == ["template_render_failed", None]


@pytest.mark.parametrize("path", ["send-email/", "send-email/?dry_run=true"])
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (422, "template_variable_missing", ["variables.customer"])),
        ({"variables": {"customer": {}}}, (422, "template_variable_missing", ["variables.customer.name"])),
        ({"variables": {"customer": None}}, (422, "template_variable_missing", ["variables.customer"])),
        ({"variables": {"customer": "Ann"}}, (422, "template_variable_missing", ["variables.customer.name"])),
        ({"template": "nix"}, (422, "template_not_found", [])),
        ({"variables": []}, (400, "invalid", ["variables"])),
        ({"variables": "{"}, (400, "invalid", ["variables"])),
        ({"locale": "!"}, (400, "invalid", ["locale"])),
        ({"subject": "x"}, (400, "invalid", ["subject"])),
        ({"body": "x"}, (400, "invalid", ["body"])),
        ({"html_body": "x"}, (400, "invalid", ["html_body"])),
        ({"text_body": "x"}, (400, "invalid", ["text_body"])),
        ({"template": "", "variables": ANN}, (400, "invalid", ["variables"])),
        ({"variables": {"x": "y" * 300_000}}, (400, "invalid", ["variables"])),
    ],
)
def test_what_cannot_be_written_stores_nothing(
    api: fakes.Api, order: Any, path: str, fields: Any, expected: Any
) -> None:
    assert error(api.post(path, bare(**{"template": "order", **fields}))) == expected
    assert not Email.objects.exists()


def test_a_misfit_is_named(api: fakes.Api) -> None:
    published(Team.objects.get(), html="{% for i in items %}{{ i }}{% endfor %}", subject="x",
              variables=[{"name": "items", "type": "list"}])  # fmt: skip
    answer = api.post("send-email/", bare(template="order", variables={"items": "one"}))
    assert error(answer) == (422, "template_variable_invalid", ["variables.items"])


def test_a_template_that_fails_is_told_where(api: fakes.Api) -> None:
    published(Team.objects.get(), html="x\n{{ 1 | divided_by: 0 }}", subject="x", variables=[])
    answer = api.post("send-email/", bare(template="order"))
    assert error(answer)[:2] == (422, "template_render_failed")
    assert "html: line 2" in answer.json()["message"]


def test_another_teams_template_is_answered_like_one_that_is_not(api: fakes.Api) -> None:
    theirs = published(Team.objects.create(name="other"))
    missing = "0" * 8 + str(theirs.template_id)[8:]
    answers = [
        api.post("send-email/", bare(template=ref, variables=ANN)).content.replace(ref.encode(), b"")
        for ref in (str(theirs.template_id), missing)
    ]
    assert answers[0] == answers[1]
    assert error(api.post("send-email/", bare(template="order", variables=ANN)))[1] == "template_not_found"


def test_the_version_is_fixed_when_the_email_is_taken(api: fakes.Api, order: Any) -> None:
    later = bare(template="order", variables=ANN, send_at="2026-12-24T08:00:00+00:00")
    email = sent(api.post("send-email/", later))
    published(Team.objects.get(), html="<p>New</p>")
    email.refresh_from_db()
    assert (email.html_body, email.template["version"]) == ("<p>Hi Ann</p>", 1)


def test_a_repeat_finds_its_email_whatever_became_of_the_template(api: fakes.Api, order: Any) -> None:
    asked = bare(template="order", variables=ANN)
    first = keyed(api, asked).json()["id"]
    published(Team.objects.get(), html="<p>New</p>")
    templates.delete(order.template)
    assert keyed(api, asked).json()["id"] == first


@pytest.mark.parametrize("change", [{"variables": {"customer": {"name": "Bob"}}}, {"locale": "de"}])
def test_a_key_is_not_for_other_variables(api: fakes.Api, order: Any, change: Any) -> None:
    asked = bare(template="order", variables=ANN)
    sent(keyed(api, asked))
    assert error(keyed(api, {**asked, **change}))[1] == "idempotency_key_reused"


def test_a_dry_run_shows_what_would_be_sent(api: fakes.Api, order: Any) -> None:
    told = api.post("send-email/?dry_run=true", bare(template="order", variables=ANN)).json()["email"]
    assert (told["subject"], told["html_body"], told["template"]["version"]) == (
        "For Ann",
        "<p>Hi Ann</p>",
        1,
    )


def test_the_language_is_folded_and_falls_back(api: fakes.Api, order: Any) -> None:
    published(Team.objects.get(), subject="Für {{ customer.name }}", locale="de")
    email = sent(api.post("send-email/", bare(template="order", variables=ANN, locale="DE_at")))
    assert (email.subject, email.template["locale"]) == ("Für Ann", "de")


def test_an_email_sent_again_is_the_same(api: fakes.Api, order: Any) -> None:
    email = sent(api.post("send-email/", bare(template="order", variables=ANN)))
    templates.delete(order.template)
    again = sent(api.post(f"emails/{email.pk}/resend/", {}))
    assert (again.html_body, again.template) == (email.html_body, email.template)


def test_an_unsubscribe_link_of_a_template_needs_unsubscribe(api: fakes.Api, ses: fakes.FakeVendor) -> None:
    html = '<a href="{{ unsubscribe_url }}">out</a>'
    published(Team.objects.get(), html=html, subject="x", variables=[])
    refused = api.post("send-email/", bare(template="order"))
    assert error(refused) == (422, "template_variable_missing", ["variables.unsubscribe_url"])
    sent(api.post("send-email/", bare(template="order", unsubscribe="news")))
    got = str(ses.arrived()[0].mime)
    assert "https://mail.example.org/u/" in got
    assert "{{" not in got


def test_a_send_without_a_template_asks_nothing_of_it(api: fakes.Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(templates, "resolve", None)
    sent(api.post("send-email/", bare(subject="x")))
