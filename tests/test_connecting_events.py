"""As a new operator does it: one command at each vendor, the variables that it prints, and its test event is on record.

The vendors are loopback servers that keep what they are told, and post signed events to the API.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from delivery.models import ProviderEvent
from delivery.routing import configured
from providers.ses import topic
from providers.ses.certificates import Certificates
from tests import tellers
from tests.api.doors import PATH, posted
from tests.aws import Aws
from tests.tellers import TELLERS, Said

pytestmark = pytest.mark.django_db(transaction=True)
HOST = "https://mail.example.org"


class Vendor:
    """A vendor's API: remembers what it is told to do."""

    name = ""

    def __init__(self) -> None:
        self.hooks: dict[str, dict[str, Any]] = {}  # by URL
        self.answers: list[int] = []  # of our API, to its posts

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        raise NotImplementedError

    def post(self, said: Said) -> int:
        """Post to us, as a web server gets it in a thread of its own."""
        try:
            self.answers.append(posted(self.name, said).status_code)
        finally:
            connection.close()
        return self.answers[-1]


class SendGrid(Vendor):
    name = "sendgrid"

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        fields = json.loads(body or b"{}")
        if path.endswith("/settings/all"):
            return 200, {"max_allowed": 5, "webhooks": list(self.hooks.values())}
        if path.endswith("/event/test"):
            events = [self._sample(kind) for kind in ("processed", "delivered", "open")]
            self.post(TELLERS["sendgrid"].sign(json.dumps(events).encode() + b"\r\n"))
            return 204, {}
        if "/signed/" in path:
            return self._signed(method)
        hook = {"id": "77d4", **self.hooks.get(fields["url"], {}), **fields}
        self.hooks[fields["url"]] = hook
        return (201 if method == "POST" else 200), hook

    def _signed(self, method: str) -> tuple[int, Any]:
        (hook,) = self.hooks.values()
        hook["signed"] = hook.get("signed") or method == "PATCH"
        return 200, {"id": "77d4", "public_key": tellers.public("sendgrid") if hook["signed"] else ""}

    def _sample(self, kind: str) -> Any:
        event = TELLERS["sendgrid"].event(str(uuid4()), kind, "example@test.com")
        return {name: value for name, value in event.items() if name != "gomail_attempt"}


class Mailgun(Vendor):
    name = "mailgun"

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if path.endswith("/http_signing_key"):
            return 200, {"http_signing_key": "mailgun"}
        if path.endswith("/messages.mime"):
            (attempt,) = re.findall(rb'name="v:gomail_attempt"\r\n\r\n([\w-]+)', body)
            self.post(TELLERS["mailgun"].sign(TELLERS["mailgun"].data(attempt.decode(), "accepted")))
            return 200, {"id": "<1@mg.example.org>"}
        if method == "POST":
            fields = parse_qs(body.decode())
            self.hooks = {kind: {"urls": fields["url"]} for kind in fields["event_types"]}
        return 200, {"webhooks": self.hooks}


class Mandrill(Vendor):
    name = "mandrill"

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        fields = json.loads(body)
        if path.endswith("/list.json"):
            return 200, list(self.hooks.values())
        head = Client().head(PATH.format("mandrill"))
        empty = self.post(TELLERS["mandrill"].sign([], key="test-webhook"))
        if (head.status_code, empty) != (200, 200):
            return 500, {"status": "error", "name": "ValidationError", "message": "POST to the URL failed"}
        self.hooks[fields["url"]] = {"id": 1, "auth_key": "mandrill", **fields}
        return 200, self.hooks[fields["url"]]


@contextmanager
def at_work(vendor: Vendor) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, told = vendor.answer(self.command, self.path, body)
            text = b"" if status == 204 else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _installation(settings: Any) -> Iterator[None]:
    settings.GOMAIL_PROVIDERS = tellers.NAMES
    settings.GOMAIL_PUBLIC_URL = HOST
    yield
    configured._build.cache_clear()
    configured._sources.cache_clear()


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("connect_events", *arguments, "--wait", "10", stdout=out, stderr=StringIO())
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    except CommandError as error:
        return error.returncode, f"{out.getvalue()}{error}"
    return 0, out.getvalue()


def printed(said: str) -> dict[str, str]:
    """Return the variables that the command says to set."""
    return dict(re.findall(r"^  ([A-Z_]+)=(\S+)$", said, re.MULTILINE))


def kinds(account: str) -> set[str]:
    return set(ProviderEvent.objects.filter(account=account).values_list("kind", flat=True))


def test_sendgrid(settings: Any) -> None:
    with at_work(vendor := SendGrid()) as url:
        settings.PROVIDER_SECRETS = {"SENDGRID_API_KEY": "SG.key", "SENDGRID_BASE_URL": url}
        status, said = run("sendgrid")
        assert (status, vendor.hooks[f"{HOST}{PATH.format('sendgrid')}"]["enabled"]) == (2, True), said
        settings.PROVIDER_SECRETS = {**settings.PROVIDER_SECRETS, **printed(said)}
        status, said = run("sendgrid")
    assert (status, vendor.answers, "made" in said) == (0, [200], False), said
    assert kinds("sendgrid") == {"accepted", "delivered", "opened"}


def test_mailgun(settings: Any) -> None:
    with at_work(vendor := Mailgun()) as url:
        settings.PROVIDER_SECRETS = {
            "MAILGUN_API_KEY": "key", "MAILGUN_DOMAIN": "mg.example.org", "MAILGUN_BASE_URL": url,
        }  # fmt: skip
        status, said = run("mailgun")
        assert status == 2, said
        settings.PROVIDER_SECRETS = {**settings.PROVIDER_SECRETS, **printed(said)}
        status, said = run("mailgun")
    assert (status, vendor.answers) == (0, [200]), said
    assert kinds("mailgun") == {"accepted"}


def test_mandrill(settings: Any) -> None:
    with at_work(vendor := Mandrill()) as url:
        settings.PROVIDER_SECRETS = {"MANDRILL_API_KEY": "key", "MANDRILL_BASE_URL": url}
        status, said = run("mandrill")
        assert status == 2, said
        settings.PROVIDER_SECRETS = {**settings.PROVIDER_SECRETS, **printed(said)}
        status, said = run("mandrill")
    assert (status, "It has no test event" in said or "it has no test event" in said) == (0, True), said
    assert set(vendor.answers) == {200}
    event = TELLERS["mandrill"].say("0190b3c4-aaaa-7bbb-8ccc-ddddeeeeffff")
    assert posted("mandrill", event).status_code == 200


class Sns:
    """SNS as it posts to a URL: it asks first, and publishes to whom has answered."""

    def __init__(self) -> None:
        self.confirmed: list[str] = []

    def subscribe(self, aws: Any, arn: str, protocol: str, endpoint: str) -> None:
        question = {
            "Type": "SubscriptionConfirmation",
            "Token": "its-token",
            "SubscribeURL": "https://x.example",
        }
        self._post(TELLERS["ses"].envelope("You have chosen to subscribe", TopicArn=arn, **question))

    def subscription(self, *_: Any) -> str:
        return "its-arn" if self.confirmed else ""

    def confirm(self, aws: Any, arn: str, token: str) -> None:
        self.confirmed.append(token)

    def publish(self, *, TopicArn: str, Message: str) -> None:  # noqa: N803 - botocore's
        self._post(TELLERS["ses"].envelope(Message, TopicArn=TopicArn))

    def _post(self, envelope: Any) -> None:
        try:
            assert posted("ses", Said(body=json.dumps(envelope).encode())).status_code == 200
        finally:
            if threading.current_thread() is not threading.main_thread():
                connection.close()


def test_ses_by_url(settings: Any, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    sns = Sns()
    for name in ("subscribe", "subscription", "confirm"):
        monkeypatch.setattr(topic, name, getattr(sns, name))
    monkeypatch.setattr(topic, "is_raw", lambda *_: False)
    monkeypatch.setattr(Certificates, "get", lambda self, url: tellers.certificate())
    monkeypatch.setattr(aws.ses, "sns", sns)
    settings.PROVIDER_SECRETS = aws.variables()
    status, said = run("ses")
    assert status == 2, said
    settings.PROVIDER_SECRETS = {**settings.PROVIDER_SECRETS, **printed(said)}
    status, said = run("ses")
    assert (status, sns.confirmed) == (0, ["its-token"]), said
    assert kinds("ses") == {"other", "accepted", "delivered"}
