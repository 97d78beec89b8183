"""What is shown in the HTML, what is an invitation, and what is an attachment."""

import time

import pytest

from providers.message import file_of_bytes
from providers.mime import parts
from tests.providers.letters import letter


def image(content_id):
    return file_of_bytes(b"x", filename="a.png", content_type="image/png", content_id=content_id)


def inline(html, content_id="logo@shop.example"):
    return [file.content_id for file in parts.of(letter(html=html, attachments=(image(content_id),))).inline]


@pytest.mark.parametrize("html", [
    '<img src="cid:logo@shop.example">', "<img src='cid:logo@shop.example'>", "<img src=cid:logo@shop.example>",
    "<img src=cid:logo@shop.example/>", '<IMG SRC="CID:logo@shop.example">', '<img src="cid:logo%40shop.example">',
    '<img src="cid:logo&#64;shop.example">', '<img src="cid:logo&#x40;shop.example" alt="x">',
    '<td style="background:url(cid:logo@shop.example) no-repeat">',
    "<style>a{background:url('cid:logo@shop.example')}</style>",
    '<td style="background:url(&quot;cid:logo@shop.example&quot;)">', '<v:fill src="cid:logo@shop.example" />',
    '<a href="cid:logo@shop.example">file</a>', '<img srcset="cid:logo@shop.example 2x">',
])  # fmt: skip
def test_what_the_html_refers_to_is_inline(html):
    assert inline(html) == ["logo@shop.example"]


@pytest.mark.parametrize("html", [
    "<p>Your invoice is attached.</p>", '<img src="cid:logo@shop.examples">', '<img src="cid:xlogo@shop.example">',
    '<img src="placid:logo@shop.example">', '<img src="logo@shop.example">', '<img src="cid:Logo@shop.example">',
    "logo@shop.example", "cid: logo@shop.example", "<!-- cid -->", "cid:",
])  # fmt: skip
def test_what_the_html_does_not_mention_is_an_attachment(html):
    assert inline(html) == []


@pytest.mark.parametrize("content_id", ["a'b", "a)b", "(a)", "a%40b", "a&b", "a&amp;b", "100%", "a;b"])
def test_an_odd_id_is_found_as_it_stands(content_id):
    assert inline(f'<img src="cid:{content_id}">', content_id) == [content_id]


def test_without_html_nothing_is_inline():
    found = parts.of(letter(attachments=(image("logo"),)))
    assert (found.inline, len(found.attached)) == ((), 1)


def test_one_image_of_two_is_shown_and_both_keep_their_order():
    files = (image("a"), image("b"), image(""), image("c"))
    found = parts.of(letter(html="cid:c cid:a", attachments=files))
    assert [file.content_id for file in found.inline] == ["a", "c"]
    assert [file.content_id for file in found.attached] == ["b", ""]


@pytest.mark.parametrize(
    "html", ["cid:" * 500_000, "cid:x" * 400_000, "cid:&amp;" * 200_000, "cid:" + "'" * 2_000_000]
)
def test_hostile_html_costs_no_time(html):
    start = time.process_time()
    parts.of(letter(html=html, attachments=(image("a"),)))
    assert time.process_time() - start < 20


def calendar(kind="text/calendar; method=REQUEST", name="invite.ics"):
    return file_of_bytes(b"BEGIN:VCALENDAR", filename=name, content_type=kind)


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL", "REPLY", "PUBLISH", "COUNTER", "request"])
def test_a_calendar_with_a_method_is_an_invitation_and_an_attachment(method):
    file = calendar(f"text/calendar; charset=utf-8; method={method}")
    found = parts.of(letter(attachments=(file,)))
    assert (found.invitation, found.attached) == (file, (file,))


@pytest.mark.parametrize("kinds", [
    ["text/calendar"], ["text/calendar; charset=utf-8"], ["application/ics; method=REQUEST"],
    ["text/plain; method=REQUEST"],
    ["text/calendar; method=REQUEST", "text/calendar; method=CANCEL"], [],
])  # fmt: skip
def test_anything_else_is_a_file_alone(kinds):
    assert parts.of(letter(attachments=tuple(map(calendar, kinds)))).invitation is None
