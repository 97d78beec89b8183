import threading

import pytest

from delivery.content import links, publishing, templates
from delivery.content.template_sources import Source, Unpublishable, Variable
from delivery.content.templates import Misfit, Missing, RenderFault

NAMED = (Variable(name="name"),)
CUSTOMER = (Variable(name="customer", type="object"), Variable(name="items", type="list", required=False))


def published(variables=(), *, partials=None, layout=None, **parts):
    found = (partials or {}).get
    made = publishing.compiled(Source(**parts), variables=variables, layout=layout, find=found)
    return templates.parsed(made, variables)


def faults(variables=(), *, partials=None, layout=None, **parts):
    with pytest.raises(Unpublishable) as refused:
        published(variables, partials=partials, layout=layout, **parts)
    return [fault.code for fault in refused.value.faults]


def test_a_template_is_written_with_its_data():
    template = published(CUSTOMER, subject="For {{ customer.name }}", html="<p>Hi {{ customer.name }}</p>")
    written = template.render({"customer": {"name": "Ann"}})
    assert written == templates.Rendered(subject="For Ann", html="<p>Hi Ann</p>", text="Hi Ann\n")


def test_a_value_is_escaped_in_html_and_nowhere_else():
    template = published(CUSTOMER, subject="{{ customer.name }}", html="<p>{{ customer.name }}</p>")
    written = template.render({"customer": {"name": "<b>&"}})
    assert (written.subject, written.html, written.text) == ("<b>&", "<p>&lt;b&gt;&amp;</p>", "<b>&\n")


def test_what_is_missing_is_named_all_of_it():
    variables = (*CUSTOMER, Variable(name="order"))
    template = published(variables, html="{{ customer.name }} {{ customer.city | upcase }} {{ order }}")
    with pytest.raises(Missing) as refused:
        template.render({"customer": {}})
    assert refused.value.names == ("order", "customer.name", "customer.city")


def test_null_is_missing_and_an_empty_text_is_not():
    template = published((Variable(name="a"), Variable(name="b")), html="{{ a }}{{ b }}")
    with pytest.raises(Missing) as refused:
        template.render({"a": None, "b": ""})
    assert refused.value.names == ("a",)


def test_a_part_with_a_default_and_one_that_is_only_tested_are_not_missing():
    template = published(
        CUSTOMER, html='{{ customer.name | default: "you" }}{% if customer.vip %}!{% endif %}'
    )
    assert template.render({"customer": {}}).html == "you"


def test_a_declared_default_stands_in():
    variables = (Variable(name="contact.first_name", default="friend"),)
    template = published(variables, html="Hi {{ contact.first_name }}")
    assert template.render({"contact": {"email": "a@b.c"}}).html == "Hi friend"


def test_parts_of_what_may_be_absent_are_empty():
    variables = (Variable(name="shop", type="object", required=False),)
    template = published(variables, html="[{{ shop.name | upcase }}{{ shop.since | date: '%Y' }}]")
    assert template.render({}).html == "[]"


def test_a_value_of_another_type_is_named():
    template = published(CUSTOMER, html="{{ customer.name }}{% for i in items %}{% endfor %}")
    with pytest.raises(Misfit) as refused:
        template.render({"customer": {"name": "Ann"}, "items": "one"})
    assert refused.value.names == ("items",)


def test_line_breaks_in_a_subject_become_one_blank():
    template = published((Variable(name="a"),), subject=" {{ a }}\n", html="x")
    written = template.render({"a": "One \r\n\r\n Bcc: eve@example.org\u2028two\tthree"})
    assert written.subject == "One Bcc: eve@example.org two three"


def test_other_control_characters_in_a_subject_are_refused():
    template = published((Variable(name="a"),), subject="{{ a }}", html="x")
    with pytest.raises(RenderFault, match=r"U\+001B"):
        template.render({"a": "\x1b[2J"})


def test_a_subject_that_is_too_long_is_refused():
    template = published((Variable(name="a"),), subject="{{ a }}", html="x")
    with pytest.raises(RenderFault, match="900"):
        template.render({"a": "x" * 901})


def test_styles_are_put_at_their_elements_after_writing():
    loop = "{% for i in items %}<tr><td>{{ i }}</td></tr>{% endfor %}"
    html = f"<style>td{{color:red}} @media (max-width:9px){{td{{color:blue}}}}</style><table>{loop}</table>"
    written = published(CUSTOMER, html=html).render({"customer": {}, "items": ["a", "b"]}).html
    assert written.count('<td style="color: red;">') == 2
    assert "@media" in written


def test_html_without_styles_stays_byte_for_byte():
    html = "<P >x<br/>\r\n<b>y</P>"
    assert published(html=html).render({}).html == html


def test_the_text_part_keeps_links_lists_and_conditions():
    html = (
        "<h1>Hi {{ customer.name }}</h1><ul>{% for i in items %}<li>{{ i }}</li>{% endfor %}</ul>"
        '<p>Your <a href="https://x.test/{{ customer.id }}">order</a>, <a href="{{ customer.url }}">all</a>.</p>'
        "{% if customer.vip %}<p>VIP &amp; more</p>{% endif %}<p>Bye</p>"
    )
    template = published(CUSTOMER, html=html)
    data = {"name": "Ann", "id": 5, "url": "https://y.test"}
    text = "Hi Ann\n\n- a\n- b\n\nYour order (https://x.test/5), all (https://y.test).\n\n{}Bye\n"
    plain = template.render({"customer": data, "items": ["a", "b"]})
    vip = template.render({"customer": {**data, "vip": True}, "items": ["a", "b"]})
    assert (plain.text, vip.text) == (text.format(""), text.format("VIP & more\n\n"))


def test_line_ends_and_rows_of_a_table_are_no_html_in_the_text_part():
    html = (
        "<p>{{ name | newline_to_br }}</p><table>{% tablerow i in (1..6) cols:2 %}{% if i == 3 %}{% continue %}"
        "{% endif %}{% if i == 6 %}{% break %}{% endif %}{{ i }}.{{ tablerowloop.row }}{% endtablerow %}</table>"
    )
    written = published(NAMED, html=html).render({"name": "a<\nb"})
    assert written.html.startswith('<p>a&lt;<br />\nb</p><table><tr class="row1">')
    assert written.text == "a<\nb\n\n1.1 2.1\n 4.2\n5.3 \n"


def test_an_unsubscribe_link_stays_a_place_to_be_filled_in_by_each_offer():
    html = '<style>p{color:red}</style><a href="{{ unsubscribe_url }}">out</a>'
    written = published(html=html).render({})
    assert '<a href="{{ unsubscribe_url }}">' in written.html
    assert "out ({{ unsubscribe_url }})" in written.text


@pytest.mark.parametrize(
    "said", ["{{ unsubscribe_url }}", "{{unsubscribe_url}}", "\ue000{{ unsubscribe_url }}"]
)
def test_data_that_reads_like_the_place_of_the_link_stays_what_it_is(said: str):
    source = {
        "html": "<style>p{color:red}</style><p>{{ name }}</p>",
        "text": "{{ name }}",
        "subject": "{{ name }}",
    }
    written = published(NAMED, **source).render({"name": said})
    assert not links.has_place(written.html, written.text)
    for link in ("https://x.example/u/t", ""):
        assert f">{said}</p>" in links.put_into_html(written.html, link)
        assert links.put_into_text(written.text, link) == written.subject == said


def test_data_cannot_complete_the_place_of_the_link():
    parts = {"name": "{{ unsubscribe_url"}
    written = published(NAMED, text="{{ name }}{% raw %} }}{% endraw %} {{ unsubscribe_url }}").render(parts)
    assert links.put_into_text(written.text, "LINK") == "{{ unsubscribe_url }} LINK"


def test_a_layout_stands_around_the_template():
    layout = Source(html="<html><body>{{ content }}<hr></body></html>", text="{{ content }}\n--\nUs")
    written = published(CUSTOMER, html="<p>{{ customer.n }}</p>", text="{{ customer.n }}", layout=layout)
    done = written.render({"customer": {"n": 1}})
    assert (done.html, done.text) == ("<html><body><p>1</p><hr></body></html>", "1\n--\nUs")


def test_partials_get_their_values_and_nothing_else():
    partials = {"card": Source(html="<b>{{ title }}</b>")}
    template = published(CUSTOMER, html='{% render "card", title: customer.name %}', partials=partials)
    done = template.render({"customer": {"name": "<A>"}})
    assert (done.html, done.text) == ("<b>&lt;A&gt;</b>", "<A>\n")


def test_mjml_is_compiled_and_links_no_fonts():
    mjml = (
        "<mjml><mj-body><mj-section><mj-column><mj-raw>{% for i in items %}</mj-raw><mj-text>{{ i }}</mj-text>"
        "<mj-raw>{% endfor %}</mj-raw></mj-column></mj-section></mj-body></mjml>"
    )
    done = published(CUSTOMER, mjml=mjml).render({"customer": {}, "items": ["one", "two"]})
    assert ">one</div>" in done.html
    assert "fonts." not in done.html
    assert done.text.split() == ["one", "two"]


def test_a_partial_of_mjml_is_put_in_before_it_is_compiled():
    frame = "<mjml><mj-body><mj-section><mj-column>{% include 'hello' %}</mj-column></mj-section></mj-body></mjml>"
    partials = {"hello": Source(mjml="<mj-text>Hi {{ customer.name }}</mj-text>")}
    done = published(CUSTOMER, mjml=frame, partials=partials).render({"customer": {"name": "Ann"}})
    assert ">Hi Ann</div>" in done.html


@pytest.mark.parametrize(
    ("parts", "codes"),
    [
        ({"html": "{% if %}x{% endif %}"}, ["template_syntax"]),
        ({"html": "{{ customer.name | shout }}"}, ["template_syntax"]),
        ({"html": "x", "subject": "{{ oops"}, ["template_syntax"]),
        ({"html": "{% raw %}"}, ["template_syntax"]),
        ({"html": "{{ order }} {{ items }}"}, ["undeclared_variable"]),
        ({"html": '{% render "nobody" %}'}, ["unknown_partial"]),
        ({"html": "{% include customer %}"}, ["unknown_partial"]),
        ({"html": "<script>x</script>"}, ["script"]),
        ({"html": "<scr{% if items %}{% endif %}ipt>x"}, ["script"]),
        ({"html": '<a href=" javascript:x">x</a>'}, ["script"]),
        ({"html": '<img src="a.png" onerror="x">'}, ["script"]),
        ({"html": "<svg/onload=x>"}, ["script"]),
        ({"html": '<img alt="a"onerror=x>'}, ["script"]),
        ({"html": '<a href="&#106;avascript&colon;x">x</a>'}, ["script"]),
        ({"html": "<a href='java\tscr\nipt:x'>x</a>"}, ["script"]),
        ({"html": "<a href=data:text/html;base64,eA==>x</a>"}, ["script"]),
        ({"html": "<style>@import url(https://x.test/a.css)</style>x"}, ["remote_import"]),
        ({"html": "<style>@\\69 mport url(https://x.test/a.css)</style>x"}, ["remote_import"]),
        ({"html": '<meta http-equiv="refresh" content="0;url=https://x.test">x'}, ["remote_import"]),
        ({"html": '<link rel="stylesheet" href="file:///etc/hostname">x'}, ["remote_import"]),
        ({"mjml": '<mjml><mj-body><mj-include path="/etc/hostname"/></mj-body></mjml>'}, ["remote_import"]),
        ({"mjml": '<mjml><mj-head><mj-font name="X" href="https://x.test"/></mj-head></mjml>'}, ["remote_import"]),
        ({"mjml": "<mjml"}, ["mjml_syntax"]),
        ({"mjml": "<mjml><mj-head>{% if items %}{% endif %}</mj-head><mj-body/></mjml>"}, ["mjml_syntax"]),
        ({"subject": "x"}, ["empty"]),
        ({"html": "x" * 300_000}, ["too_long"]),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_not_published(parts, codes):
    assert faults(CUSTOMER, **parts) == codes


def test_what_only_looks_like_a_script_is_published():
    html = """<p title="online = yes">on time = 5, &lt;script&gt;, javascript: a language</p>
    <a href="https://example.org/?a=1&amp;b=data:text/html">x</a> <img alt=""> C:\\41"""
    assert published(html=html).render({}).html == html


def test_a_fault_names_its_line():
    with pytest.raises(Unpublishable) as refused:
        published(html="one\ntwo {% shout %}")
    assert (refused.value.faults[0].place, refused.value.faults[0].line) == ("html", 2)


def test_partials_in_each_other_are_refused():
    partials = {"a": Source(html='{% render "b" %}'), "b": Source(html='{% render "a" %}')}
    assert faults(html='{% render "a" %}', partials=partials) == ["unknown_partial"]


def test_an_html_template_does_not_fit_a_layout_of_mjml():
    layout = Source(mjml="<mjml><mj-body>{{ content }}</mj-body></mjml>")
    assert faults(html="x", layout=layout) == ["wrong_layout"]


def test_html_that_gmail_cuts_off_is_warned_of():
    written = published(subject="x", html="<p>" + "x" * 110_000 + "</p>").render({})
    assert templates.warnings(written) == ["The HTML has 107 KB; Gmail cuts it off at 102 KB."]


def test_threads_write_one_template_at_the_same_time():
    template = published(
        (Variable(name="n", type="number"),), html="{% for i in (1..50) %}{{ n }},{% endfor %}"
    )
    wrong = []

    def write(number):
        for _ in range(50):
            if template.render({"n": number}).html != f"{number}," * 50:
                wrong.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert wrong == []
