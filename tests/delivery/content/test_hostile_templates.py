"""Templates by somebody who wants the service to stand still, run out of memory, or die."""

import socket
import subprocess
import sys
import time

import pytest

from delivery.content import liquid_meter, publishing, templates
from delivery.content.template_sources import Source, Unpublishable, Variable
from delivery.content.templates import RenderFault

ANY = tuple(Variable(name=name, type="list", required=False) for name in ("x", "s", "n"))
_PATIENCE = 5.0  # seconds of the processor; without bounds each of these takes minutes


@pytest.fixture(autouse=True)
def a_short_second(monkeypatch):
    monkeypatch.setattr(liquid_meter, "SECONDS", 0.2)


def written(data=None, *, partials=None, **parts):
    made = publishing.compiled(Source(**parts), variables=ANY, find=(partials or {}).get)
    return templates.parsed(made).render(data or {})


@pytest.mark.parametrize(
    "html",
    [
        "{{ (1..10000000) | join }}",
        "{{ (1..n) | join }}",
        "{% if (1..1000000000) contains 5.5 %}x{% endif %}",
        "{% for i in (1..1000000000) reversed %}{% endfor %}",
        "{% for i in (1..9000) %}{% for j in (1..9000) %}{% endfor %}{% endfor %}",
        "{% for i in (1..9000) %}{% endfor %}" * 100,
        "{% for i in (1..9999) %}" + "{% if true %}{% endif %}" * 2400 + "{% endfor %}",
        "{% tablerow i in (1..9999) %}" + "{% if true %}{% endif %}" * 2400 + "{% endtablerow %}",
        '{{ s | split: " " | sort | join }}',
        '{% assign a = "x" %}' + "{% assign a = a | append: a %}" * 60,
        '{% assign a = "xxxx" %}' + '{% assign a = a | replace: "", "xxxxxxxxxx" %}' * 60,
        "{% assign a = 99 %}" + "{% assign a = a | times: a %}" * 60,
        "{% assign a = s | split: '' | slice: 0, 100 %}" + "{% assign a = a | concat: a %}" * 30,
        "{% capture a %}xxxx{% endcapture %}" + "{% capture a %}{{ a }}{{ a }}{% endcapture %}" * 60,
        "{% for i in (1..9999) %}{{ 'now' | date: '%Y' | append: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' }}"
        + "y" * 200
        + "{% endfor %}",
        '{{ "now" | date: "%999999999d" }}',
        "".join(f"{{% assign a{number} = s %}}" for number in range(300)),
    ],
)
def test_what_asks_for_too_much_is_a_fault_of_rendering(html):
    begun = time.thread_time()
    with pytest.raises(RenderFault):
        written({"n": 10**9, "s": "a b " * 40_000}, html=html)
    assert time.thread_time() - begun < _PATIENCE


@pytest.mark.parametrize(
    "html",
    [
        "{{" * 100_000,
        "{{ a" * 60_000,
        "{% raw %}" * 20_000,
        "{% comment %}" * 15_000,
        "{{ x }}" * 30_000,
        ("{{ " + " " * 4_900 + "}}") * 50,
        "{% if " + "x and " * 800 + "x %}{% endif %}" + "{% if x %}" * 100,
        "{{ x" + "[x" * 1_500 + "]" * 1_500 + " }}",
        "{% if x %}" * 3_000,
    ],
)
def test_what_would_take_minutes_to_parse_is_refused(html):
    begun = time.thread_time()
    with pytest.raises(Unpublishable):
        publishing.compiled(Source(html=html), variables=ANY)
    assert time.thread_time() - begun < _PATIENCE


def test_partials_that_double_each_time_end():
    partials = {str(number): Source(html=f'{{% render "{number + 1}" %}}' * 2) for number in range(25)}
    partials["25"] = Source(html="x")
    with pytest.raises(RenderFault):
        written(html='{% render "0" %}', partials=partials)


# In a process of its own: it is gone if one of them gets through.
_DEEP = """
from delivery.content import liquid_meter, publishing, templates
from delivery.content.template_sources import Source, Unpublishable
from delivery.content.templates import RenderFault
style = "<style>p{color:red}</style>"
refused = 0
for parts in (
    {"html": style + "<div>" * 40_000},
    {"html": style + "<b><i>" * 20_000},
    {"html": style + "<p>" + "".join(f"<b a{n}>" for n in range(390)) + "</p>" + "<p>x</p>" * 20_000},
    {"html": "<style>" + "".join(f".c{n}{{color:red}}" for n in range(11_000)) + "</style>" + "<p>" * 20_000},
    {"mjml": "<mjml><mj-body>" + "<mj-wrapper>" * 9_000 + "</mj-body></mjml>"},
    {"mjml": "<mjml><mj-body><mj-section><mj-column><mj-text>" + "<p>" * 40_000},
):
    try:
        templates.parsed(publishing.compiled(Source(**parts))).render({})
    except (RenderFault, Unpublishable):
        refused += 1
print(refused)
"""


def test_markup_that_would_end_the_process_is_refused():
    code = "import django\nfrom django.conf import settings\nsettings.configure()\n" + _DEEP
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout.strip(), done.returncode) == ("6", 0), done.stderr[-500:]


def test_markup_as_deep_as_letters_are_is_written():
    html = "<style>p{color:red}</style>" + "<div>" * 120 + "<p>x</p>" * 3_000 + "</div>" * 120
    assert 'style="color: red;"' in written(html=html).html


def test_a_value_cannot_become_a_tag_of_liquid_or_of_html():
    value = '{{ 1 | plus: 1 }}{% include "x" %}<script>alert(1)</script>" onload="x'
    done = templates.parsed(
        publishing.compiled(Source(html='<p title="{{ x }}">{{ x }}</p>', subject="{{ x }}"), variables=ANY)
    ).render({"x": value})
    assert "<script" not in done.html
    assert '" onload' not in done.html
    assert done.subject == value


def test_a_value_reaches_no_attribute_of_python():
    html = "[{{ x.__class__ | default: '' }}{{ x['__init__'] | default: '' }}{{ x.keys | default: '' }}]"
    assert written({"x": {"a": 1}}, html=html).html == "[]"


def test_nothing_is_fetched_whatever_a_value_brings():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        port = listener.getsockname()[1]
        brings = f'<link rel="stylesheet" href="http://127.0.0.1:{port}/a.css">'
        brings += f"<style>@import url(http://127.0.0.1:{port}/b.css); p{{color:red}}</style>"
        done = written(
            {"x": brings + '<link rel="stylesheet" href="file:///etc/hostname">'},
            html="{{ x | safe }}<p>y</p>",
        )
        with pytest.raises(TimeoutError):
            listener.accept()
    assert "color: red" in done.html


def test_a_value_brings_no_deep_markup_into_the_parser():
    brings = "<style>p{color:red}</style>" + "<div>" * 30_000
    with pytest.raises(RenderFault, match="nested"):
        written({"x": brings}, html="{{ x | safe }}<p>y</p>")


@pytest.mark.parametrize("value", ["\n" * 200_000, " \n" * 100_000, "\t \r" * 60_000])
def test_a_subject_of_blanks_is_written_at_once(value):
    begun = time.thread_time()
    done = written({"x": value}, html="x", subject="a{{ x }}b")
    assert done.subject.replace(" ", "") == "ab"
    assert time.thread_time() - begun < _PATIENCE


def test_a_subject_of_nothing_but_blanks_is_too_long_at_once():
    begun = time.thread_time()
    with pytest.raises(RenderFault, match="900"):
        written({"x": " " * 200_000}, html="x", subject="a{{ x }}b")
    assert time.thread_time() - begun < _PATIENCE


@pytest.mark.parametrize(
    "html",
    [
        "<a href=" + " " * 250_000,
        "<a href=" * 30_000,
        "<" + " " * 250_000,
        "<a " + "x on" * 60_000,
        "<link " * 40_000,
    ],
)
def test_what_is_looked_for_in_html_is_found_in_one_pass(html):
    begun = time.thread_time()
    publishing.compiled(Source(html=html + "<p>x</p>"))
    assert time.thread_time() - begun < _PATIENCE
