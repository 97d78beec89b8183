"""templates/, layouts/ and partials/."""

from typing import Any

import pytest

from delivery.access import keys
from delivery.library import templates
from delivery.models import Template, TemplateVersion
from tests import fakes

pytestmark = pytest.mark.django_db
FRAME = "<mjml><mj-body>{{ content }}</mj-body></mjml>"
BODY = "<mj-section><mj-column><mj-text>Hi {{ name }}</mj-text></mj-column></mj-section>"


def api_with(api: fakes.Api, *scopes: str, team: str = "") -> fakes.Api:
    _, token = keys.issue(team or "shop", scopes=scopes)
    return fakes.Api(api.client, token)


@pytest.fixture
def writer(api: fakes.Api) -> fakes.Api:
    templates.forget()
    return api_with(api, "templates.read", "templates.write", "emails.send")


def made(api: fakes.Api, path: str = "templates/", slug: str = "order", **version: Any) -> Any:
    assert api.post(path, {"name": "Order", "slug": slug}).status_code == 201
    answer = api.post(f"{path}{slug}/versions/", version)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def patch(api: fakes.Api, path: str, body: Any) -> Any:
    return api.client.patch(fakes.V1 + path, body, content_type="application/json", headers=api.headers)


def delete(api: fakes.Api, path: str) -> Any:
    return api.client.delete(fakes.V1 + path, headers=api.headers)


def codes(answer: Any) -> tuple[int, str, list[tuple[str, str]]]:
    told = answer.json()
    return answer.status_code, told["code"], [(row["field"], row["code"]) for row in told["errors"]]


NAMED = [{"name": "name"}]


def test_a_template_is_made_published_and_read(writer: fakes.Api) -> None:
    version = made(writer, subject="For {{ name }}", html="<p>Hi {{ name }}</p>", variables=NAMED)
    assert (version["version"], version["state"]) == (1, "draft")
    assert writer.get("templates/order/").json()["published"] == []
    assert writer.post("templates/order/publish/", {"version": 1}).json()["state"] == "published"
    shown = writer.get("templates/order/").json()
    assert [(each["version"], each["locale"], each["stale"]) for each in shown["published"]] == [
        (1, "", False)
    ]
    assert writer.get(f"templates/{shown['id']}/versions/1/").json()["variables"] == [
        {"name": "name", "type": "string", "required": True, "default": None}
    ]
    assert [row["slug"] for row in writer.get("templates/").json()["results"]] == ["order"]


def test_a_partial_that_would_be_in_itself_is_not_published(writer: fakes.Api) -> None:
    made(writer, "partials/", "foot", html="x")
    made(writer, "partials/", "frame", html='{% render "foot" %}')
    for path in ("partials/foot/", "partials/frame/"):
        assert writer.post(f"{path}publish/", {"version": 1}).status_code == 200
    for number, inner in enumerate(("foot", "frame"), 2):
        writer.post("partials/foot/versions/", {"html": f'{{% render "{inner}" %}}'})
        answer = writer.post("partials/foot/publish/", {"version": number})
        assert codes(answer) == (422, "not_publishable", [("html", "unknown_partial")])


def test_a_slug_that_reads_as_an_id_is_refused(writer: fakes.Api) -> None:
    for slug in ("0" * 32, "01a226f0-1200-7d75-9542-11be98b21390"):
        assert codes(writer.post("templates/", {"name": "x", "slug": slug}))[0] == 400
    assert writer.post("templates/", {"name": "x", "slug": "0" * 31}).status_code == 201


def test_a_draft_is_changed_and_a_published_version_is_not(writer: fakes.Api) -> None:
    made(writer, html="<p>one</p>", text="x")
    assert (
        patch(writer, "templates/order/versions/1/", {"html": "<p>two</p>", "text": ""}).json()["text"] == ""
    )
    writer.post("templates/order/publish/", {"version": 1})
    assert codes(patch(writer, "templates/order/versions/1/", {"html": "x"}))[:2] == (409, "template_in_use")
    assert codes(delete(writer, "templates/order/versions/1/"))[:2] == (409, "template_in_use")
    assert TemplateVersion.objects.get().html == "<p>two</p>"


def test_what_cannot_be_published_names_all_its_faults(writer: fakes.Api) -> None:
    made(writer, html="<script>x</script>{{ order }}{{ name }}", variables=NAMED)
    refused = codes(writer.post("templates/order/publish/", {"version": 1}))
    assert refused == (422, "not_publishable", [("html", "script"), ("variables", "undeclared_variable")])
    assert not TemplateVersion.objects.filter(is_current=True).exists()


def test_a_preview_tells_what_is_missing_and_unused(writer: fakes.Api) -> None:
    declared = [*NAMED, {"name": "order.id"}, {"name": "extra", "required": False}]
    made(writer, subject="{{ order.id }}", html="<p>Hi {{ name }}</p>", variables=declared)
    told = writer.post("templates/order/render/", {"version": 1, "data": {"name": "<Ann>"}}).json()
    assert (told["html"], told["text"]) == ("<p>Hi &lt;Ann&gt;</p>", "Hi <Ann>\n")
    assert (told["missing"], told["unused"], told["faults"]) == (["order.id"], ["extra"], [])
    assert told["warnings"] == ["The subject is empty."]


def test_a_preview_of_a_draft_with_faults_names_them(writer: fakes.Api) -> None:
    made(writer, html="x\n{% oops %}")
    told = writer.post("templates/order/render/", {"version": 1}).json()
    assert told["faults"] == [
        {"field": "html", "code": "template_syntax", "message": "line 2: unexpected tag 'oops'"}
    ]


def test_a_preview_uses_the_sample_and_the_language(writer: fakes.Api) -> None:
    made(writer, html="{{ name }}", variables=NAMED, sample={"name": "Ann"})
    writer.post("templates/order/versions/", {"html": "de", "locale": "de_de"})
    for number in (1, 2):
        assert writer.post("templates/order/publish/", {"version": number}).status_code == 200
    assert writer.post("templates/order/render/", {}).json()["html"] == "Ann"
    assert writer.post("templates/order/render/", {"locale": "de-DE"}).json()["html"] == "de"


def test_a_layout_and_a_partial_of_mjml(writer: fakes.Api) -> None:
    made(writer, "layouts/", "frame", mjml=FRAME)
    made(writer, "partials/", "foot", html="<i>Bye {{ who }}</i>")
    for path in ("layouts/frame/", "partials/foot/"):
        assert writer.post(f"{path}publish/", {"version": 1}).status_code == 200
    body = BODY.replace("</mj-text>", "{% render 'foot', who: name %}</mj-text>")
    made(writer, subject="x", mjml=body, layout="frame", variables=NAMED)
    writer.post("templates/order/publish/", {"version": 1})
    written = writer.post("templates/order/render/", {"data": {"name": "Ann"}}).json()
    assert "Hi Ann<i>Bye Ann</i>" in written["html"]
    assert writer.get("templates/order/versions/1/").json()["layout"] == "frame"
    assert "The template stands here." in writer.post("layouts/frame/render/", {}).json()["html"]
    assert writer.post("partials/foot/render/", {}).json()["missing"] == ["who"]
    assert codes(delete(writer, "layouts/frame/"))[:2] == (409, "template_in_use")


@pytest.mark.parametrize(
    ("kind", "html"), [("layouts", "{{ content }}"), ("partials", "x"), ("templates", "x")]
)
def test_what_is_published_is_published_again_and_an_earlier_version_too(
    writer: fakes.Api, kind: str, html: str
) -> None:
    path = f"{kind}/it/"
    made(writer, f"{kind}/", "it", html=f"1 {html}")
    writer.post(f"{path}versions/", {"html": f"2 {html}"})
    told = [writer.post(f"{path}publish/", {"version": number}).status_code for number in (1, 1, 2, 1)]
    assert told == [200] * 4


def test_a_template_with_a_new_layout_is_stale(writer: fakes.Api) -> None:
    made(writer, "layouts/", "frame", html="1 {{ content }}")
    writer.post("layouts/frame/publish/", {"version": 1})
    made(writer, html="x", layout="frame")
    writer.post("templates/order/publish/", {"version": 1})
    writer.post("layouts/frame/versions/", {"html": "2 {{ content }}"})
    writer.post("layouts/frame/publish/", {"version": 2})
    assert writer.get("templates/order/").json()["published"][0]["stale"] is True


@pytest.mark.parametrize(
    ("version", "field", "code"),
    [
        ({"html": "x", "mjml": "y"}, "mjml", "invalid_value"),
        ({"variables": {}}, "variables", "wrong_type"),
        ({"variables": [{"name": "a b"}]}, "variables[0].name", "invalid_value"),
        ({"variables": [{"name": "a", "type": "date"}]}, "variables[0].type", "invalid_choice"),
        ({"variables": [{"name": "a", "needed": True}]}, "variables[0]", "wrong_type"),
        ({"variables": [{"name": "a", "required": "no"}]}, "variables[0].required", "wrong_type"),
        ({"variables": [{"name": "a", "type": "list", "default": 1}]}, "variables[0].default", "wrong_type"),
        ({"variables": [{"name": "a"}, {"name": "a"}]}, "variables", "duplicate_field"),
        ({"locale": "!"}, "locale", "invalid_value"),
        ({"layout": "nothing"}, "layout", "invalid_value"),
        ({"html": "x" * 300_000}, "html", "too_long"),
        ({"htlm": "x"}, "htlm", "unknown_field"),
    ],
)
def test_a_version_of_the_wrong_form_is_refused(
    writer: fakes.Api, version: Any, field: str, code: str
) -> None:
    writer.post("templates/", {"name": "Order", "slug": "order"})
    assert codes(writer.post("templates/order/versions/", version)) == (400, "invalid", [(field, code)])
    assert not TemplateVersion.objects.exists()


def test_a_slug_is_plain_and_taken_once(writer: fakes.Api) -> None:
    for slug in ("Order", "a b", "-x", "ä", "x" * 65):
        assert codes(writer.post("templates/", {"name": "x", "slug": slug}))[0] == 400
    assert writer.post("templates/", {"name": "x", "slug": "order"}).status_code == 201
    assert codes(writer.post("templates/", {"name": "y", "slug": "order"}))[:2] == (409, "slug_taken")
    assert writer.post("layouts/", {"name": "y", "slug": "order"}).status_code == 201
    assert patch(writer, "templates/order/", {"name": "Orders", "slug": "orders"}).json()["slug"] == "orders"


PATHS = (
    "templates/{}/", "templates/{}/versions/", "templates/{}/versions/1/",
)  # fmt: skip


def test_what_another_team_has_is_answered_like_what_is_not_there(api: fakes.Api, writer: fakes.Api) -> None:
    other = api_with(api, "templates.read", "templates.write", team="other")
    made(other, html="x")
    theirs = str(Template.objects.get().pk)
    for ref in (theirs, "order"):
        for path in PATHS:
            answers = [writer.get(path.format(each)) for each in (ref, "nothing")]
            assert [answer.status_code for answer in answers] == [404, 404]
            assert answers[0].content == answers[1].content
        for path in (f"templates/{ref}/publish/", f"templates/{ref}/render/"):
            assert writer.post(path, {"version": 1}).status_code == 404
        assert patch(writer, f"templates/{ref}/", {"name": "x"}).status_code == 404
        assert delete(writer, f"templates/{ref}/").status_code == 404
    made(writer, "templates/", "mine", html="x")
    refused = codes(patch(writer, "templates/mine/versions/1/", {"layout": theirs}))
    assert refused == (400, "invalid", [("layout", "invalid_value")])


def test_reading_and_changing_need_scopes_of_their_own(api: fakes.Api, writer: fakes.Api) -> None:
    made(writer, html="x")
    reader = api_with(api, "templates.read")
    assert reader.get("templates/order/").status_code == 200
    assert reader.post("templates/order/render/", {"version": 1}).status_code == 200
    assert reader.post("templates/order/publish/", {"version": 1}).status_code == 403
    assert api_with(api, "emails.send").get("templates/").status_code == 403


def test_a_template_is_deleted_with_its_versions(writer: fakes.Api) -> None:
    made(writer, html="x")
    assert delete(writer, "templates/order/").status_code == 204
    assert not TemplateVersion.objects.exists()
