"""The editor of templates and of signatures in a real browser."""

from typing import Any

import pytest

from delivery.library import templates
from delivery.models import Signature, Team, Template
from tests.browser.watching import Watched, look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TEMPLATES, SIGNATURES = "/admin/delivery/template/", "/admin/delivery/signature/"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c636078f81f00030401ff2a7a6c9a0000000049454e44ae426082"
)
HTML = (
    "<style>h1{color:teal}</style><h1>Hi {{ customer.name }}</h1>"
    "<ul>{% for i in items %}<li>{{ i }}</li>{% endfor %}</ul>"
)


def note(watched: Watched, text: str) -> None:
    watched.page.wait_for_selector(f".gm-notes li:has-text('{text}')")


def frame(watched: Watched) -> Any:
    return watched.page.frame_locator("iframe[title='The email']")


def test_a_template_is_written_published_and_compared(watched: Watched) -> None:
    Team.objects.create(name="shop")
    watched.open(f"{TEMPLATES}add/")
    watched.page.fill("[name=name]", "Order shipped")
    watched.page.fill("[name=slug]", "order-shipped")
    watched.page.select_option("[name=team]", label="shop")
    watched.page.get_by_role("button", name="Save", exact=True).click()

    watched.page.fill("[name=subject]", "For {{ customer.name }}")
    watched.page.fill("[name=source]", HTML)
    watched.page.fill("[name=variables]", "customer: object\nitems: list\nextra?")
    note(watched, "Missing: customer, items")
    watched.page.fill("[name=sample]", '{"customer": {"name": "<Ann>"}, "items": ["one", "two"]}')
    frame(watched).get_by_text("Hi <Ann>").wait_for()
    note(watched, "Declared, not used: extra")
    watched.page.get_by_role("button", name="Phone").click()
    assert watched.page.locator(".gm-frame").bounding_box()["width"] <= 375
    watched.page.get_by_role("button", name="Text", exact=True).click()
    assert "- two" in watched.page.locator("[data-part=text]").inner_text()
    watched.page.get_by_role("button", name="Save draft").click()
    watched.page.wait_for_selector("text=Version 1 is saved")
    frame(watched).get_by_text("Hi <Ann>").wait_for()
    look(watched, "template-editor")
    watched.page.get_by_role("button", name="Save and publish").click()
    watched.page.wait_for_selector("text=Version 1 is published")

    watched.page.fill("[name=source]", HTML.replace("Hi", "Hello") + "<script>pwn()</script>")
    note(watched, "script")
    watched.page.get_by_role("button", name="Save and publish").click()
    watched.page.wait_for_selector("text=mail programs run no scripts")
    watched.page.fill("[name=source]", HTML.replace("Hi", "Hello"))
    watched.page.get_by_role("button", name="Save draft").click()
    watched.page.wait_for_selector("text=Against what is published")
    look(watched, "template-difference")
    watched.open(TEMPLATES)
    look(watched, "templates")

    found = templates.resolve(Team.objects.get(), "order-shipped")
    assert found.reference.version == 1
    assert Template.objects.get().versions.count() == 2
    assert (watched.ran, watched.outside()) == ([], [])


def test_a_preview_runs_and_loads_nothing(watched: Watched) -> None:
    template = templates.create(None, name="bad", slug="bad")
    html = "<p>here</p><img src='https://outside.example/x.png'><a href='https://outside.example'>x</a>{{ x | safe }}"
    sample = {
        "x": "<img src=x onerror='parent.pwn()'><script>pwn()</script><base href='https://outside.example'>"
        "<meta http-equiv=refresh content='0;url=https://outside.example'>"
    }
    templates.add_version(template, html=html, variables=[{"name": "x"}], sample=sample)
    watched.open(f"{TEMPLATES}{template.pk}/change/")
    frame(watched).get_by_text("here").wait_for()
    watched.settle()
    assert (watched.ran, watched.outside()) == ([], [])


def test_a_signature_is_made_with_its_preview(watched: Watched) -> None:
    watched.open(f"{SIGNATURES}add/")
    watched.page.fill("[name=name]", "Sales")
    watched.page.fill("[name=match_value]", "@Example.ORG")
    watched.page.select_option("[name=match]", "from_domain")
    watched.page.fill("[name=html]", "<b>{{ from.name }}</b>{{ from.phone }}")
    note(watched, "from.phone")
    watched.page.fill("[name=html]", "<b>{{ from.name }}</b><br>Example Ltd")
    frame(watched).get_by_text("Example Ltd").wait_for()
    watched.page.get_by_role("button", name="Save", exact=True).click()
    watched.page.wait_for_selector("text=was added successfully")
    made = Signature.objects.get()
    watched.open(f"{SIGNATURES}{made.pk}/change/")
    frame(watched).get_by_text("Example Ltd").wait_for()
    look(watched, "signature")
    assert (made.match_value, made.html) == ("example.org", "<b>{{ from.name }}</b><br>Example Ltd")
    watched.page.get_by_role("link", name="Images…").click()
    given = {"name": "Logo.png", "mimeType": "image/png", "buffer": PNG}
    watched.page.locator("input[type=file]").set_input_files(given)
    watched.page.fill("[name=name]", "logo")
    watched.page.get_by_role("button", name="Put it in").click()
    watched.page.get_by_text("not shown by the HTML yet").wait_for()
    assert watched.page.locator("img.gm-thumbnail").evaluate("image => image.naturalWidth") == 1
    look(watched, "signature-images")
    assert (watched.ran, watched.outside()) == ([], [])
