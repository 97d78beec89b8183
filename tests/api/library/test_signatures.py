"""signatures/, and the emails that they are put under."""

import base64
from typing import Any

import pytest

from delivery.access import keys
from delivery.library import signatures
from delivery.models import Email, Group, Signature, Team
from delivery.submission import composing
from tests import fakes
from tests.delivery.factories import draft

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("providers")]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 50).decode()
LOGO = {"content_id": "logo", "filename": "logo.png", "content_type": "image/png", "content": PNG}


@pytest.fixture(autouse=True)
def looked_up_anew() -> None:
    signatures.forget()


def with_scopes(api: fakes.Api, *scopes: str, team: str = "shop") -> fakes.Api:
    _, token = keys.issue(team, scopes=scopes)
    return fakes.Api(api.client, token)


@pytest.fixture
def writer(api: fakes.Api) -> fakes.Api:
    return with_scopes(api, "signatures.read", "signatures.write", "send", "read")


def made(api: fakes.Api, **fields: Any) -> Any:
    given = {
        "name": "Ann", "html": "<b>{{ from.name }}</b>", "match": "from_address", "match_value": "me@example.org",
        **fields,
    }  # fmt: skip
    answer = api.post("signatures/", given)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def sent(api: fakes.Api, **fields: Any) -> Any:
    given = {"from_address": "Ann Lee <me@example.org>", "to_addresses": "Bob <bob@example.net>", **fields}
    answer = api.post("send-email/", {"html_body": "<p>Hi</p>", "text_body": "Hi\n", **given})
    assert answer.status_code == 200, answer.json()
    return Email.objects.get(pk=answer.json()["id"])


def codes(answer: Any) -> tuple[int, str, list[tuple[str, str]]]:
    told = answer.json()
    return answer.status_code, told["code"], [(row["field"], row["code"]) for row in told["errors"]]


def patch(api: fakes.Api, path: str, body: Any) -> Any:
    return api.client.patch(fakes.V1 + path, body, content_type="application/json", headers=api.headers)


def test_it_is_put_under_what_it_matches(writer: fakes.Api) -> None:
    signature = made(writer)
    email = sent(writer)
    assert email.html_body == f'<p>Hi</p><div data-gomail-signature="{signature["id"]}"><b>Ann Lee</b></div>'
    assert email.text_body == "Hi\n-- \nAnn Lee\n"
    shown = writer.get(f"emails/{email.pk}/").json()
    assert shown["signatures"] == [{"id": signature["id"], "kind": "signature"}]


def test_a_batch_a_template_free_text_and_the_short_form_get_it(writer: fakes.Api) -> None:
    made(writer, html="", text="Ann of {{ from.email }}")
    entry = {"from_address": "me@example.org", "to_addresses": "bob@example.net", "text_body": "Hi\n"}
    assert writer.post("batches/", {"emails": [entry]}).json()["accepted"] == 1
    assert Email.objects.get().text_body == "Hi\n-- \nAnn of me@example.org\n"


def test_none_leaves_it_out_and_an_id_takes_another(writer: fakes.Api) -> None:
    made(writer)
    other = made(writer, html="<i>Other</i>", match="from_domain", match_value="elsewhere.example")
    assert sent(writer, signature="none").html_body == "<p>Hi</p>"
    assert "<i>Other</i></div>" in sent(writer, signature=other["id"]).html_body
    refused = codes(writer.send(body="x", signature="0190-nothing"))
    assert refused[:2] == (422, "signature_not_found")


def test_one_that_is_off_is_put_under_nothing(writer: fakes.Api) -> None:
    signature = made(writer)
    patch(writer, f"signatures/{signature['id']}/", {"enabled": False})
    assert sent(writer).html_body == "<p>Hi</p>"


def test_the_most_specific_wins(writer: fakes.Api) -> None:
    rules = [
        ("from_domain", "example.org"), ("to_domain", "@EXAMPLE.net"), ("from_address", "Me@example.org"),
        ("to_address", "bob@example.net"),
    ]  # fmt: skip
    for match, value in rules:
        made(writer, html=match, match=match, match_value=value)
        assert f'">{match}</div>' in sent(writer).html_body
    assert '">to_address</div>' not in sent(writer, to_addresses="bob@sub.example.net").html_body


def test_a_group_is_more_specific_than_a_sender(writer: fakes.Api) -> None:
    team = Team.objects.get(name="shop")
    group = Group.objects.create(team=team, name="news")
    made(writer, html="sender", match_value="ann@example.org")
    made(writer, html="group", match="group", match_value=str(group.pk))
    own = Signature.objects.get(
        pk=made(writer, html="own", match="from_domain", match_value="x.example")["id"]
    )
    plain = draft(html="<p>Hi</p>")
    assert ">group<" in composing.composed(plain, team, group=group).html
    group.signature = own
    assert ">own<" in composing.composed(plain, team, group=group).html
    assert ">sender<" in composing.composed(plain, team).html


def test_a_disclaimer_stands_behind_the_signature(writer: fakes.Api) -> None:
    law = made(writer, html="<i>Law</i>", kind="disclaimer", match="from_domain", match_value="example.org")
    signature = made(writer)
    email = sent(writer)
    assert email.html_body.index("Ann Lee") < email.html_body.index("<i>Law</i>")
    assert [each["id"] for each in email.signatures] == [signature["id"], law["id"]]


def test_of_several_recipients_the_first_decides(writer: fakes.Api) -> None:
    made(writer, match="to_address", match_value="bob@example.net", html="for Bob")
    assert "for Bob" in sent(writer, to_addresses="bob@example.net, eve@example.net").html_body
    assert "for Bob" not in sent(writer, to_addresses="eve@example.net, bob@example.net").html_body


def test_its_images_go_with_it(writer: fakes.Api, ses: fakes.FakeVendor) -> None:
    made(writer, html='<img src="cid:logo" alt="Example">', images=[LOGO, {**LOGO, "content_id": "unused"}])
    email = sent(writer)
    (image,) = email.attachments.all()
    assert f'src="cid:{image.content_id}"' in email.html_body
    assert f"<{image.content_id}>" in str(ses.arrived()[0].mime)


def test_images_count_to_the_limit_of_attachments(writer: fakes.Api, settings: Any) -> None:
    made(writer, html='<img src="cid:logo" alt="x">', images=[LOGO])
    settings.ATTACHMENTS_MAX_BYTES = 20
    asked = {"from_address": "me@example.org", "to_addresses": "a@example.net", "html_body": "<p>x</p>"}
    assert codes(writer.post("send-email/", asked))[:2] == (413, "attachments_too_large")
    assert not Email.objects.exists()


def test_what_is_signed_is_not_touched(writer: fakes.Api) -> None:
    made(writer)
    email = sent(writer, html_body=None, text_body="-----BEGIN PGP SIGNED MESSAGE-----\n")
    assert (email.text_body, email.signatures) == ("-----BEGIN PGP SIGNED MESSAGE-----\n", None)


def test_an_email_sent_again_is_not_signed_again(writer: fakes.Api) -> None:
    made(writer, once=False)
    email = sent(writer)
    again = Email.objects.get(pk=writer.post(f"emails/{email.pk}/resend/", {}).json()["id"])
    assert (again.html_body, again.signatures) == (email.html_body, email.signatures)


def test_a_dry_run_shows_it(writer: fakes.Api) -> None:
    signature = made(writer)
    asked = {
        "from_address": "Ann <me@example.org>",
        "to_addresses": "bob@example.net",
        "html_body": "<p>x</p>",
    }
    told = writer.post("send-email/?dry_run=true", asked).json()["email"]
    assert (told["signatures"][0]["id"], "<b>Ann</b>" in told["html_body"]) == (signature["id"], True)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"html": "{{ from.phone }}"}, (422, "not_publishable", [("html", "undeclared_variable")])),
        ({"html": "{{ contact.name }}"}, (422, "not_publishable", [("html", "undeclared_variable")])),
        ({"html": "{{ from.name "}, (422, "not_publishable", [("html", "template_syntax")])),
        ({"html": "<script>x</script>"}, (422, "not_publishable", [("html", "script")])),
        ({"html": "<html>x</html>"}, (422, "not_publishable", [("html", "no_fragment")])),
        ({"html": "x<style>p{}</style>"}, (422, "not_publishable", [("html", "no_fragment")])),
        ({"html": "", "text": ""}, (422, "not_publishable", [("html", "empty")])),
        ({"match_value": "nobody"}, (400, "invalid", [("match_value", "invalid_value")])),
        ({"match": "to_domain", "match_value": "a@b.co"}, (400, "invalid", [("match_value", "invalid_value")])),
        ({"match": "group", "match_value": "x"}, (400, "invalid", [("match_value", "invalid_value")])),
        ({"match": "all"}, (400, "invalid", [("match", "invalid_choice")])),
        ({"images": [{**LOGO, "content_type": "image/svg+xml"}]},
         (400, "invalid", [("images[0].content_type", "invalid_value")])),
        ({"images": [{**LOGO, "content_id": ""}]}, (400, "invalid", [("images[0].content_id", "invalid_value")])),
        ({"images": [LOGO, LOGO]}, (400, "invalid", None)),
    ],
)  # fmt: skip
def test_what_cannot_be_put_under_an_email_is_refused(writer: fakes.Api, fields: Any, expected: Any) -> None:
    given = {"name": "x", "html": "x", "match": "from_address", "match_value": "me@example.org", **fields}
    status, code, errors = codes(writer.post("signatures/", given))
    assert (status, code, errors if expected[2] else None) == expected
    assert not Signature.objects.exists()


def test_what_another_team_has_is_answered_like_what_is_not_there(api: fakes.Api, writer: fakes.Api) -> None:
    theirs = made(with_scopes(api, "signatures.read", "signatures.write", team="other"))
    missing = "0" * 8 + theirs["id"][8:]
    for suffix in ("", "preview/"):
        ask = writer.post if suffix else lambda path, _: writer.get(path)
        answers = [ask(f"signatures/{each}/{suffix}", {}) for each in (theirs["id"], missing)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
    assert codes(writer.send(body="x", signature=theirs["id"]))[:2] == (422, "signature_not_found")
    assert sent(writer).html_body == "<p>Hi</p>"


def test_reading_and_changing_need_scopes_of_their_own(api: fakes.Api, writer: fakes.Api) -> None:
    signature = made(writer)
    reader = with_scopes(api, "signatures.read")
    assert reader.get("signatures/").json()["results"][0]["id"] == signature["id"]
    assert reader.post(f"signatures/{signature['id']}/preview/", {}).status_code == 200
    assert patch(reader, f"signatures/{signature['id']}/", {"name": "x"}).status_code == 403


def test_a_preview_shows_it_under_an_email(writer: fakes.Api) -> None:
    signature = made(writer)
    told = writer.post(f"signatures/{signature['id']}/preview/", {}).json()
    assert ("<b>Ann Lee</b>" in told["html"], told["text"]) == (True, "Hi Bob\n-- \nAnn Lee\n")
    again = writer.post(f"signatures/{signature['id']}/preview/", {"html": told["html"]}).json()
    assert (again["html"], again["inserted"]) == (told["html"], False)


def test_it_is_changed_and_deleted(writer: fakes.Api) -> None:
    signature = made(writer, images=[LOGO])
    changed = patch(writer, f"signatures/{signature['id']}/", {"html": "new", "images": []}).json()
    assert (changed["html"], changed["images"]) == ("new", [])
    answer = writer.client.delete(f"{fakes.V1}signatures/{signature['id']}/", headers=writer.headers)
    assert (answer.status_code, Signature.objects.count()) == (204, 0)


def test_a_team_without_signatures_asks_nothing(
    writer: fakes.Api, monkeypatch: Any, django_assert_num_queries: Any
) -> None:
    made(with_scopes(writer, "signatures.write", team="other"))
    monkeypatch.setattr(signatures.time, "monotonic", lambda: 5.5)
    team = Team.objects.get(name="shop")
    composing.composed(draft(), team)
    with django_assert_num_queries(0):
        composing.composed(draft(), team)


def test_what_is_wrong_with_a_match_is_said_in_the_words_of_its_client(writer: fakes.Api) -> None:
    given = {"name": "x", "html": "x", "match": "to_domain", "match_value": "*.example.org"}
    message = writer.post("signatures/", given).json()["message"]
    assert message == "match_value: must be one domain, such as example.org, without those below it."
    message = writer.post("signatures/", {**given, "match": "to_address"}).json()["message"]
    assert message.endswith("@-sign.")
