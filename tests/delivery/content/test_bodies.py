"""What counts as HTML, and the text that is made of it: readable, and never long in the making."""

import time

import pytest

from delivery.content import bodies

TWO_MEGABYTES = 2 * 1024 * 1024


@pytest.mark.parametrize(
    "body",
    [
        "<p>Hi</p>",
        "<br>",
        "<br/>",
        "text <b>bold</b>",
        "<!DOCTYPE html>",
        "<A HREF='x'>",
        '<img src="x">',
        "<div class=a>",
        "\ufeff \r\n\t<html",
        "<!doctype HTML PUBLIC",
        "\ufeff<p>x",
        "<table width=3>",
        "Hi <A HREF=x>y</A >",
        "one <i\n>two</i>",
        "Hi <a title='a > b'>x</a>",
        "<!-- preheader --><div>x</div>",
        '<?xml version="1.0"?><html><p>x</p></html>',
        "see <b>this</b> and a<b && c>d",
    ],
)
def test_tags_that_people_write_mail_with_make_a_body_html(body: str) -> None:
    assert bodies.is_html(body)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Hi",
        "1 < 2 > 0",
        "<3",
        "<someone@example.org>",
        "<https://example.org>",
        "a <b c",
        "<template>",
        "if (a<b)",
        "The build failed here:\n\n    if (a<b && c>d) go();\n\nPlease look.\n",
        "for (i<b; c>d; i++) { p<i; }",
        "put a <br> after it",
        "put an <hr/> or an <img src=x> there",
        "see <p> and <b> and <i>",
        "std::vector<a> v; List<b> w; Map<p, i> m;",
        "</b> comes before <b>",
        "Dear <name>, your <title> is </name>",
        "<bold>no tag</bold>",
        "<header",
        "<a> or <b>?",
        "Ann <p@example.org> wrote <b@example.org>",
        "<https://example.org/</p>>",
    ],
)
def test_a_single_angle_bracket_does_not_make_a_text_html(body: str) -> None:
    assert not bodies.is_html(body)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h1>Hello</h1><p>Dear Ann,<br>bye</p>", "Hello\n\nDear Ann,\nbye\n"),
        ("<p>a</p>\n\n<p>b</p>", "a\n\nb\n"),
        ("<div><div>a</div></div><div>b</div>", "a\nb\n"),
        ("<p>a &amp; b&nbsp;&#33; &lt;p&gt;</p>", "a & b ! <p>\n"),
        (
            '<p>See <a href="https://example.org/?a=1&amp;b=2">this</a>.</p>',
            "See this (https://example.org/?a=1&b=2).\n",
        ),
        ('<a href="https://example.org">https://example.org</a>', "https://example.org\n"),
        ("<a href='mailto:ann@example.org'>Ann</a>", "Ann (ann@example.org)\n"),
        ("<a href='javascript:alert(1)'>x</a>", "x\n"),
        ("<ul><li>a</li><li>b<ol><li>c<li>d</ol></ul>", "- a\n- b\n  1. c\n  2. d\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c<td>d</table>", "a b\nc d\n"),
        ("<pre>def f():\n    pass</pre>", "def f():\n    pass\n"),
        ('<p><img alt="Our logo" src="x"></p>', "Our logo\n"),
        ("<head><title>T</title><style>p{}</style></head><p>a<script>if(a<b)c()</script></p>", "a\n"),
        ('<div style="display: none">preview<div>x</div></div><p>a</p>', "a\n"),
        ("<!-- a <p>b</p> --><p>c</p><!-- open", "c\n"),
        ('<p title="a > b">c</p>', "c\n"),
        ("<p>1 < 2</p>", "1 < 2\n"),
        ("<p></p>", ""),
        ("<p>&#0;&#xD800;</p>", "\ufffd\ufffd\n"),
        ("<p>&#" + "9" * 5000 + ";</p>", None),
    ],
)
def test_text_of_html_reads_like_a_text(html: str, text: str | None) -> None:
    found = bodies.text_of(html)
    assert text is None or found == text


@pytest.mark.parametrize("marks", ["\ufeff", "\ufeff\ufeff"])
def test_a_byte_order_mark_is_no_part_of_a_body(marks: str) -> None:
    assert bodies.bare(f"{marks}Hello\ufeff") == "Hello\ufeff"


HOSTILE = {
    "open pairs": "x" + "<b><i>" * 300_000,
    "ends of nothing": "x" + "</b>" * 500_000,
    "quotes in tags": "x" + "<b x='" * 300_000,
    "quotes in quotes": "x" + "<b x='<i y=\"" * 140_000,
    "byte order marks": "\ufeff" * 2_000_000,
    "slashes in a tag": "<b" + "/" * 2_000_000,
    "many attributes": "<p " + " ".join(f"a{i}=1" for i in range(200_000)) + ">x",
    "a wide cell above many rows": "<table>" + f"<tr><td>a<td>{'x' * 500_000}" + "<tr><td>a<td>b" * 60_000,
    "many cells": "<table><tr>" + "<td>x" * 400_000,
    "nested": "<div>" * 400_000,
    "nested lists": "<ul><li>" * 250_000,
    "nested numbers": "<ol><li>x" * 200_000,
    "open links": '<a href="https://x">' * 100_000,
    "open tags": "<p>" + "<a " * 700_000,
    "open quotes": "<p>" + "<a \"'<b '\"" * 190_000,
    "angle brackets": "<p>" + "<" * 2_000_000,
    "open comments": "<p>" + "<!--" * 500_000,
    "comments": "<p>" + "<!---->" * 290_000,
    "entities": "<p>" + "&amp;" * 400_000,
    "ampersands": "<p>" + "&" * 2_000_000,
    "spaces between tags": "<p>" + "<b> </b>" * 250_000,
    "spaces": "<p>" + " " * 2_000_000,
    "spaces in a tag": "<p" + " " * 2_000_000,
    "spaces in a style": "<p style='" + "display " * 250_000 + "'>",
    "a doctype": "<!doctype" + " " * 2_000_000,
    "processing instructions": "<p>" + "<?x?>" * 400_000,
    "items of a deep list": "<ul>" * 9 + "<li>" * 500_000,
    "items with a letter": "<ul>" * 9 + "<li>x" * 400_000,
    "few items of a deep list": "<ul>" * 9 + "<li>" * 90_000,
    "numbers of a deep list": "<ol>" * 9 + "<li>" * 500_000,
    "line ends": "<p>" + "<br>" * 500_000,
    "line ends with a letter": "<p>" + "<br>x" * 400_000,
    "pieces of one link": "<a href=http://x>" + "y<br>" * 400_000,
    "a link that is never shown": ('<a href="http://' + "x" * 1000 + '">' + "y" * 10) * 2_000,
    "quotes of both kinds": "<p x='\"" * 280_000,
    "templates": "<template>" * 200_000,
    "half an end": "<script>" + "</script" * 250_000,
    "entities of two letters": "<p>" + "&nGt;" * 400_000,
    "entities without an end": "<p>" + ("&" + "a" * 31) * 62_500,
    "fixed spaces": "<pre>" + " x" * 1_000_000,
    "empty lines": "<pre>" + "\n" * 2_000_000,
    "images": "<img alt=x>" * 180_000,
    "slashes": "<p" + "/" * 2_000_000 + ">",
    "hidden in hidden": "<p style='display:none'>" + "<p>" * 600_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_html_costs_neither_time_nor_room(name: str) -> None:
    html = HOSTILE[name][:TWO_MEGABYTES]
    start = time.process_time()
    bodies.is_html(html)
    text = bodies.text_of(html)
    assert (
        time.process_time() - start < 30
    )  # about one second; what grows with the square would take many minutes
    assert len(text) < 3 * len(html)


def test_a_text_ends_after_a_hundred_thousand_tags_and_says_so() -> None:
    whole, cut = bodies.text_of("<p>x" * 50_000), bodies.text_of("<b>x" * 150_000)

    assert "[…]" not in whole
    assert cut == "x" * 100_000 + "\n[…]\n"
