"""What is written for a recipient of a mailing."""

from typing import Any

import pytest

from delivery.content.drafts import Draft
from delivery.content.templates import RenderFault
from delivery.library import signatures, templates
from delivery.mailings import content
from delivery.models import Contact, Mailing, MailingRecipient
from tests.delivery.mailings import mailed

pytestmark = pytest.mark.django_db(transaction=True)


def written(mailing: Mailing, **fields: Any) -> Draft:
    assert mailing.group
    contact = mailed.person(mailing.group, "ann@example.com", **fields)
    mailing.content = content.fixed(mailing)
    return content.writer(mailing).draft(MailingRecipient(address=contact.email), contact)


@pytest.fixture
def _links(settings: Any) -> None:
    settings.GOMAIL_PUBLIC_URL, settings.GOMAIL_LINK_KEYS = "https://mail.example.net", ("k" * 32,)


def test_an_email_has_the_headers_of_bulk_mail() -> None:
    group = mailed.group(of=mailed.team())
    mailing = mailed.draft(group)
    draft = written(mailing, first_name="Ann", last_name="Lee")
    assert draft.headers == {
        "List-ID": f"<{group.pk}.example.org>",
        "Precedence": "bulk",
        "Feedback-ID": f"{mailing.pk}:{group.pk}:{group.team_id}:gomail",
    }
    assert (draft.priority, draft.on_ambiguous, draft.purpose) == ("bulk", "stop", "transactional")
    assert (draft.subject, draft.html) == ("Hello Ann", "<p>Hi Ann</p>")
    assert (draft.sender.name, draft.to[0].name) == ("News", "Ann Lee")


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Ann\r\nBcc: eve@example.org", "Ann Bcc: eve@example.org"),
        ("Ann\tLee", "Ann Lee"),
        ("\u202eAnn\u2028Lee\x07", "Ann Lee"),
        ("\ud83dAnn", "Ann"),
        ("N" * 300, "N" * 255),
    ],
)
def test_a_name_as_files_have_it_may_stand_beside_its_address(name: str, called: str) -> None:
    assert content.called(Contact(name=name)) == called


@pytest.mark.usefixtures("_links")
def test_mail_of_a_group_that_people_may_leave_says_how() -> None:
    group = mailed.group(unsubscribe=True, reply_to="answers@example.org")
    draft = written(mailed.draft(group, html="<p>{{ unsubscribe_url }}</p>"), first_name="Ann")
    assert (draft.unsubscribe, draft.purpose) == (f"list:{group.pk}", "marketing")
    assert draft.reply_to[0].address == "answers@example.org"


def test_a_mailing_without_a_sender_gets_none_from_the_installation(settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "default@example.org"
    with pytest.raises(content.NotReady):
        written(mailed.draft(mailed.group(from_address="")), first_name="Ann")


def test_an_address_to_leave_is_missing_where_nobody_can() -> None:
    mailing = mailed.draft(mailed.group(), html="<p>{{ unsubscribe_url }}</p>")
    with pytest.raises(content.Missing):
        written(mailing, first_name="Ann")


def test_a_column_may_be_named_with_or_without_data() -> None:
    mailing = mailed.draft(
        mailed.group(),
        subject="{{ contact.city }} {{ contact.data.city }} {{ contact.email }} {{ mailing.name }}",
    )
    data = {"city": "Graz", "email": "other@example.com", "empty": ""}
    assert written(mailing, first_name="A", data=data).subject == "Graz Graz ann@example.com News"


def test_an_empty_cell_is_missing() -> None:
    mailing = mailed.draft(mailed.group(), subject="{{ contact.city }}")
    with pytest.raises(content.Missing):
        written(mailing, first_name="A", data={"city": ""})


@pytest.mark.parametrize(
    ("spelt", "chosen"),
    [
        *[("de-AT", "de"), ("de_AT", "de"), ("DE", "de"), (" de ", "de")],
        *[("pt-br", "pt-BR"), ("PT_br", "pt-BR"), ("fr", ""), ("Deutsch!", ""), ("", "")],
    ],
)
def test_a_template_is_written_in_the_language_of_the_contact(spelt: str, chosen: str) -> None:
    template = templates.create(None, name="News", slug="news")
    for locale in ("", "de", "pt-BR"):
        version = templates.add_version(template, subject=f"{locale or 'en'}", text="x", locale=locale)
        templates.publish(version)
    mailing = mailed.draft(mailed.group(), template=template)
    draft = written(mailing, locale=spelt)
    assert draft.subject == (chosen or "en")
    assert dict(draft.written_with or {})["locale"] == chosen


def test_what_is_published_later_changes_nothing() -> None:
    template = templates.create(None, name="News", slug="news")
    templates.publish(templates.add_version(template, subject="first", text="x"))
    mailing = mailed.checked(mailed.group(1), template=template)
    templates.publish(templates.add_version(template, subject="second", text="x"))
    row = MailingRecipient.objects.select_related("contact").get()
    assert row.contact
    assert content.writer(mailing).draft(row, row.contact).subject == "first"


def test_a_language_that_is_not_there_is_a_fault_of_that_recipient() -> None:
    template = templates.create(None, name="News", slug="news")
    templates.publish(templates.add_version(template, subject="x", text="x", locale="de"))
    with pytest.raises(RenderFault):
        written(mailed.draft(mailed.group(), template=template), locale="fr")


def test_a_template_that_is_not_published_cannot_be_checked() -> None:
    template = templates.create(None, name="News", slug="news")
    with pytest.raises(content.NotReady):
        content.fixed(mailed.draft(mailed.group(), template=template))


@pytest.mark.parametrize("whose", ["mailing", "group"])
def test_the_signature_of_the_mailing_or_of_its_group_is_under_it(whose: str) -> None:
    made = signatures.create(None, name="s", text="Yours", match="from_address", match_value="x@example.org")
    of_group = {"signature": made} if whose == "group" else {}
    of_mailing = {"signature": made} if whose == "mailing" else {}
    draft = written(mailed.draft(mailed.group(**of_group), **of_mailing), first_name="A")
    assert draft.signed_with == ({"id": str(made.pk), "kind": "signature"},)
