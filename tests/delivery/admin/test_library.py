"""The pages of templates and signatures: what may be ordered, and by whom."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from delivery.library import images as signature_images
from delivery.library import signatures, templates
from delivery.models import (
    AuditEntry,
    Email,
    Member,
    Signature,
    SignatureImage,
    Team,
    Template,
    TemplateVersion,
)

pytestmark = pytest.mark.django_db
TEMPLATES, SIGNATURES = "/admin/delivery/template/", "/admin/delivery/signature/"


def member(team: Team, role: str) -> Client:
    user = User.objects.create_user(f"{role}-of-{team}", is_staff=True)
    Member.objects.create(team=team, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def shop() -> Team:
    return Team.objects.create(name="shop")


@pytest.fixture
def order(shop: Team) -> Template:
    return templates.create(shop, name="Order", slug="order")


def save(client: Client, template: Template, **fields: Any) -> Any:
    given = {"kind": "html", "source": "<p>x</p>", "version": "0", **fields}
    return client.post(f"{TEMPLATES}{template.pk}/save/", given, follow=True)


def test_a_developer_writes_and_publishes(shop: Team, order: Template) -> None:
    dev = member(shop, "developer")
    assert (
        "Version 1 is saved as a draft" in save(dev, order, variables="name?\nitems: list").content.decode()
    )
    save(dev, order, version="1", source="<p>{{ name }}</p>", variables="name = friend", then="publish")
    assert templates.resolve(shop, "order").render({}).html == "<p>friend</p>"
    assert TemplateVersion.objects.count() == 1
    save(dev, order, version="1", source="<p>new</p>")
    assert TemplateVersion.objects.count() == 2
    assert AuditEntry.objects.filter(action="template.published", actor_kind="member").exists()


@pytest.mark.parametrize("role", ["support", "viewer"])
def test_who_writes_no_templates_sees_none(shop: Team, order: Template, role: str) -> None:
    templates.add_version(order, html="x")
    person = member(shop, role)
    assert person.get(f"{TEMPLATES}{order.pk}/change/").status_code == 403
    assert save(person, order).status_code == 403
    assert person.post(f"{TEMPLATES}{order.pk}/publish/", {"version": "1"}).status_code == 403
    assert TemplateVersion.objects.get().published_at is None


def test_nobody_meets_another_teams_template(order: Template) -> None:
    other = member(Team.objects.create(name="other"), "admin")
    assert other.get(f"{TEMPLATES}{order.pk}/change/").status_code == 404
    for word in ("save", "publish", "preview"):
        answer = other.post(f"{TEMPLATES}{order.pk}/{word}/", {"version": "1", "source": "x"})
        assert answer.status_code == 404
    assert b"Order" not in other.get(TEMPLATES).content
    assert not TemplateVersion.objects.exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"variables": "a b"}, "is none"),
        ({"variables": "a: date"}, "is none"),
        ({"sample": "{"}, "no JSON"),
        ({"sample": "[]"}, "no object"),
        ({"locale": "!"}, "no language tag"),
    ],
)
def test_what_is_miswritten_is_said(shop: Team, order: Template, fields: Any, said: str) -> None:
    dev = member(shop, "developer")
    assert said in save(dev, order, **fields).content.decode()
    assert said in str(
        dev.post(f"{TEMPLATES}{order.pk}/preview/", {"source": "x", **fields}).json()["faults"]
    )
    assert not TemplateVersion.objects.exists()


def test_a_template_of_two_hundred_thousand_letters_is_saved(shop: Team, order: Template) -> None:
    save(member(shop, "developer"), order, source="<p>" + "ä" * 200_000 + "</p>")
    assert len(TemplateVersion.objects.get().html) == 200_007


def test_a_signature_is_refused_and_made(shop: Team) -> None:
    dev = member(shop, "admin")
    given = {
        "team": shop.pk, "name": "Sales", "kind": "signature", "match": "from_domain", "match_value": "@Example.org",
        "position": "end", "once": "on", "enabled": "on", "html": "{{ from.phone }}", "text": "",
    }  # fmt: skip
    assert "from.phone" in dev.post(f"{SIGNATURES}add/", given).content.decode()
    assert dev.post(f"{SIGNATURES}add/", {**given, "html": "<b>Ann</b>"}).status_code == 302
    made = Signature.objects.get()
    assert (made.team, made.match_value) == (shop, "example.org")
    other = member(Team.objects.create(name="other"), "admin")
    assert other.get(f"{SIGNATURES}{made.pk}/change/").status_code == 302
    assert b"Sales" not in other.get(SIGNATURES).content
    dev.post(f"{SIGNATURES}{made.pk}/delete/", {"post": "yes"})
    assert not Signature.objects.exists()
    told = list(AuditEntry.objects.values_list("action", flat=True))
    assert {"signature.created", "signature.deleted"} <= set(told)
    signatures.forget()


PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


def put(client: Client, signature: Signature, content: bytes, name: str = "logo") -> str:
    """Put an image in; return the page that follows."""
    given = {"name": name, "file": SimpleUploadedFile("Logo.png", content)}
    path = f"{SIGNATURES}{signature.pk}/images/"
    return client.post(path, given, follow=True).content.decode()  # type: ignore[no-any-return]


def test_an_image_is_put_into_a_signature_previewed_and_taken_out(shop: Team) -> None:
    dev, html = member(shop, "developer"), '<img src="cid:logo" alt="Example">'
    sales = signatures.create(shop, name="Sales", match="from_domain", match_value="example.org", html=html)
    assert "The HTML may show it now: cid:logo" in put(dev, sales, PNG)
    image = SignatureImage.objects.get()
    assert (image.filename, image.content_type, bytes(image.content)) == ("Logo.png", "image/png", PNG)
    asked = {"html": html, "position": "end"}
    preview = dev.post(f"{SIGNATURES}preview/?of={sales.pk}", asked).json()["html"]
    assert "data:image/png;base64,iVBOR" in preview
    dev.post(f"{SIGNATURES}{sales.pk}/images/", {"remove": image.pk})
    assert not SignatureImage.objects.exists()
    told = AuditEntry.objects.filter(action="signature.changed").order_by("id")
    assert [(each.before, each.after) for each in told] == [
        ({"images": []}, {"images": ["logo"]}),
        ({"images": ["logo"]}, {"images": []}),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("logo", b"<svg onload='pwn()'>", "no PNG, JPEG, GIF or WebP"),
        ("the logo", PNG, "letters, digits, dots"),
        ("known", PNG, "already"),
        ("logo", PNG + b"\x00" * 256 * 1024, "256 KB together"),
    ],
)
def test_an_image_is_refused_as_over_the_api(shop: Team, name: str, content: bytes, said: str) -> None:
    dev = member(shop, "developer")
    sales = signatures.create(shop, name="Sales", match="from_domain", match_value="example.org", html="x")
    put(dev, sales, PNG, "known")
    assert said in put(dev, sales, content, name)
    assert SignatureImage.objects.count() == 1


def test_the_images_of_another_team_are_not_there(shop: Team) -> None:
    sales = signatures.create(shop, name="Sales", match="from_domain", match_value="example.org", html="x")
    signature_images.add(sales, name="logo", filename="logo.png", content=PNG)
    other = member(Team.objects.create(name="other"), "admin")
    put(other, sales, PNG, "mine")
    assert other.post(f"{SIGNATURES}{sales.pk}/images/", {"remove": "1"}).status_code == 404
    assert SignatureImage.objects.count() == 1
    asked = {"html": '<img src="cid:logo">', "position": "end"}
    assert "base64" not in other.post(f"{SIGNATURES}preview/?of={sales.pk}", asked).json()["html"]


def test_the_page_of_an_email_tells_what_it_was_written_with(shop: Team) -> None:
    email = Email.objects.create(
        team=shop,
        from_address="ann@example.org",
        template={"id": "018f", "slug": "order-shipped", "version": 7, "locale": ""},
        signatures=[{"id": "019a-signature", "kind": "disclaimer"}],
    )
    page = member(shop, "owner").get(f"/admin/delivery/email/{email.pk}/change/").content.decode()
    assert all(words in page for words in ("order-shipped", "disclaimer", "019a-signature"))
