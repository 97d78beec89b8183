import pytest

from delivery.content.template_sources import Unpublishable
from delivery.library import templates
from delivery.library.templates import Unknown
from delivery.models import AuditEntry, Team, Template, TemplateVersion

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def looked_up_anew():
    templates.forget()


@pytest.fixture
def team():
    return Team.objects.create(name="shop")


def made(team, slug="order", *, kind="template", publish=True, **fields):
    template = templates.find(team, slug, kind) or templates.create(team, kind=kind, name=slug, slug=slug)
    version = templates.add_version(template, **{"html": "x", **fields})
    if publish:
        templates.publish(version)
    return version


def test_the_published_version_is_sent(team):
    made(team, html="one")
    made(team, html="two")
    made(team, html="draft", publish=False)
    found = templates.resolve(team, "order")
    assert (found.reference.version, found.render({}).html) == (2, "two")


def test_it_is_found_by_its_id_too(team):
    version = made(team)
    assert templates.resolve(team, str(version.template_id)).reference.slug == "order"


def test_an_older_version_can_be_published_again(team):
    first = made(team, html="one")
    made(team, html="two")
    templates.publish(first)
    assert templates.resolve(team, "order").render({}).html == "one"


def test_the_closest_language_is_sent(team):
    made(team, html="default")
    made(team, html="de", locale="de")
    made(team, html="at", locale="de-AT")
    asked = ("de-AT", "de-CH", "fr", "")
    assert [templates.resolve(team, "order", locale).render({}).html for locale in asked] == [
        "at", "de", "default", "default",
    ]  # fmt: skip


def test_without_a_default_another_language_has_none(team):
    made(team, locale="de")
    with pytest.raises(Unknown):
        templates.resolve(team, "order", "fr")


def test_another_teams_template_is_unknown_like_one_that_is_not(team):
    version = made(Team.objects.create(name="other"))
    for ref in ("order", str(version.template_id), "nothing"):
        with pytest.raises(Unknown) as refused:
            templates.resolve(team, ref)
        assert str(refused.value) == f"There is no published template '{ref}'."


def test_layouts_and_partials_are_of_the_same_team(team):
    made(Team.objects.create(name="other"), "card", kind="partial")
    with pytest.raises(Unpublishable):
        made(team, html='{% render "card" %}')


def test_what_is_published_stays_when_its_layout_changes(team):
    layout = made(team, "frame", kind="layout", html="1 {{ content }}")
    version = made(team, layout=layout.template)
    made(team, "frame", kind="layout", html="2 {{ content }}")
    assert templates.resolve(team, "order").render({}).html == "1 x"
    assert templates.is_stale(version)
    templates.publish(version)
    assert templates.resolve(team, "order").render({}).html == "2 x"
    assert not templates.is_stale(version)


def test_a_layout_in_the_language_of_the_template_is_taken(team):
    made(team, "frame", kind="layout", html="en {{ content }}")
    layout = made(team, "frame", kind="layout", html="de {{ content }}", locale="de")
    made(team, layout=layout.template, locale="de-AT")
    assert templates.resolve(team, "order", "de-AT").render({}).html == "de x"


def test_a_layout_says_where_the_content_stands(team):
    with pytest.raises(Unpublishable):
        made(team, "frame", kind="layout", html="nowhere")


def test_a_published_version_stays_as_it_is(team):
    version = made(team)
    with pytest.raises(templates.InUse):
        templates.change_version(version, html="y")
    with pytest.raises(templates.InUse):
        templates.delete_version(version)


def test_a_draft_that_was_changed_meanwhile_is_not_published(team):
    version = made(team, publish=False)
    templates.change_version(TemplateVersion.objects.get(pk=version.pk), html="{{ oops }}")
    with pytest.raises(templates.ChangedMeanwhile):
        templates.publish(version)
    assert not TemplateVersion.objects.filter(is_current=True).exists()


def test_what_cannot_be_published_leaves_the_one_before(team):
    made(team, html="one")
    with pytest.raises(Unpublishable):
        made(team, html="{{ oops }}")
    assert templates.resolve(team, "order").render({}).html == "one"


def test_a_slug_is_taken_once_in_a_team(team):
    made(team)
    with pytest.raises(templates.SlugTaken):
        templates.create(team, name="x", slug="order")
    templates.create(None, name="x", slug="order")
    with pytest.raises(templates.SlugTaken):
        templates.create(None, name="x", slug="order")


def test_a_layout_that_is_used_is_kept(team):
    layout = made(team, "frame", kind="layout", html="{{ content }}")
    made(team, layout=layout.template)
    with pytest.raises(templates.InUse):
        templates.delete(layout.template)
    assert Template.objects.filter(kind="layout").exists()


def test_a_template_is_looked_up_once_in_a_second(team, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(templates.time, "monotonic", lambda: 5.5)
    made(team)
    templates.resolve(team, "order")
    with django_assert_num_queries(0):
        templates.resolve(team, "order")


def test_each_change_is_written_down(team):
    layout = made(team, "frame", kind="layout", html="{{ content }}")
    templates.change(layout.template, name="Frame")
    version = made(team, publish=False)
    templates.delete_version(version)
    templates.delete(version.template)
    told = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(told) == [
        *("layout.created", "layout.changed", "layout.published", "layout.changed"),
        *("template.created", "template.changed", "template.changed", "template.deleted"),
    ]
