"""Amazon on loopback: moto plays STS, SNS and SQS; a stub of ours what moto lacks of SES, and publishes its events."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer

REGION, ACCOUNT = "eu-west-1", "123456789012"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:gomail-events-ses"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI"}
SETS = "/v2/email/configuration-sets"


@dataclass
class Ses:
    """The settings of SES as its API shows them, and the mails it was given."""

    sets: dict[str, dict[str, Any]] = field(default_factory=dict)  # event destinations by their names
    changes: list[str] = field(default_factory=list)  # every call that changed something
    mails: list[dict[str, Any]] = field(default_factory=list)
    account: dict[str, Any] = field(
        default_factory=lambda: {
            "SendingEnabled": True,
            "ProductionAccessEnabled": True,
            "EnforcementStatus": "HEALTHY",
        }
    )
    late: list[tuple[str, str]] | None = None  # topic and message of events that are kept back; None: none is
    refusal: tuple[int, str] | None = None  # what every call is answered: a status and AWS' code
    url: str = ""
    sns: Any = None


@dataclass
class Aws:
    """All of it."""

    url: str  # moto's
    ses: Ses

    def client(self, service: str) -> Any:
        """Return a client of our own."""
        make: Any = boto3.client
        keys = {"aws_access_key_id": "AKIDTEST", "aws_secret_access_key": "test"}
        return make(service, endpoint_url=self.url, region_name=REGION, **keys)

    def variables(self) -> dict[str, str]:
        """Return the variables of an account here."""
        return {**KEYS, "AWS_SES_REGION": REGION, "AWS_SES_ENDPOINT_URL": self.ses.url}

    def environment(self) -> dict[str, str]:
        """Return botocore's own variables."""
        return {f"AWS_ENDPOINT_URL_{name}": self.url for name in ("STS", "SNS", "SQS")}

    def publish_late(self) -> int:
        """Publish the events that were kept back, and return how many that were."""
        late, self.ses.late = self.ses.late or [], None
        for topic, message in late:
            self.ses.sns.publish(TopicArn=topic, Message=message)
        return len(late)

    def reset(self) -> None:
        """Forget everything."""
        urlopen(Request(f"{self.url}/moto-api/reset", method="POST")).close()
        fresh = Ses(url=self.ses.url, sns=self.ses.sns)
        self.ses.__dict__.update(fresh.__dict__)


@contextmanager
def running() -> Iterator[Aws]:
    """Start both servers on loopback."""
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    ses = Ses()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(ses))
    ses.url = f"http://127.0.0.1:{server.server_port}"
    aws = Aws(url=f"http://{host}:{port}", ses=ses)
    ses.sns = aws.client("sns")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield aws
    finally:
        server.shutdown()
        server.server_close()
        moto.stop()


def event(kind: str, attempt: str, recipient: str, at: str = "2026-11-28T12:00:00.000Z") -> dict[str, Any]:
    """Return an event of SES about one recipient, in the shape of its documentation."""
    mail = {
        "timestamp": at,
        "messageId": f"ses-{attempt}",
        "source": "shop@example.org",
        "destination": [recipient],
        "tags": {"gomail_attempt": [attempt]},
    }
    about = {
        "Send": {"send": {}},
        "Delivery": {"delivery": {"timestamp": at, "recipients": [recipient], "smtpResponse": "250 ok"}},
        "Bounce": {
            "bounce": {
                "timestamp": at,
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [{"emailAddress": recipient, "diagnosticCode": "smtp; 550 5.1.1"}],
                "feedbackId": f"feedback-{attempt}",
            }
        },
    }[kind]
    return {"eventType": kind, "mail": mail, **about}


def _handler(ses: Ses) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = json.loads(self.rfile.read(length) or b"{}")
            status, code, body = _answer(ses, self.command, unquote(self.path), content)
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            if code:
                self.send_header("x-amzn-ErrorType", code)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815

    return Handler


def _answer(ses: Ses, method: str, path: str, content: Any) -> tuple[int, str, Any]:
    if ses.refusal:
        return (*ses.refusal, {"message": "no"})
    if path == "/v2/email/account":
        quota = {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 120.0}
        return 200, "", {**ses.account, "SendQuota": quota}
    if path == "/v2/email/outbound-emails":
        return 200, "", {"MessageId": _sent(ses, content)}
    if path == SETS:
        return _new_set(ses, content["ConfigurationSetName"])
    name, _, rest = path.removeprefix(f"{SETS}/").partition("/")
    if name not in ses.sets:
        return 404, "NotFoundException", {"message": f"Configuration set <{name}> does not exist."}
    return _destinations(ses, method, name, rest.removeprefix("event-destinations").strip("/"), content)


def _new_set(ses: Ses, name: str) -> tuple[int, str, Any]:
    if name in ses.sets:
        return 400, "AlreadyExistsException", {"message": f"Configuration set <{name}> already exists."}
    ses.changes.append(f"set {name}")
    ses.sets[name] = {}
    return 200, "", {}


def _destinations(ses: Ses, method: str, name: str, one: str, content: Any) -> tuple[int, str, Any]:
    known = ses.sets[name]
    if method == "GET":
        return 200, "", {"EventDestinations": [{"Name": key, **told} for key, told in known.items()]}
    one = one or content["EventDestinationName"]
    if (method == "POST") == (one in known):
        return 400, "BadRequestException", {"message": "no such destination, or there is one"}
    ses.changes.append(f"{method} {one}")
    known[one] = content["EventDestination"]
    return 200, "", {}


def _sent(ses: Ses, mail: Any) -> str:
    """Keep a mail, and publish that it was taken and delivered, as the mailbox simulator would have it."""
    ses.mails.append(mail)
    tags = {tag["Name"]: tag["Value"] for tag in mail["EmailTags"]}
    attempt, recipient = tags["gomail_attempt"], mail["Destination"]["ToAddresses"][0]
    for told in ses.sets.get(mail.get("ConfigurationSetName", ""), {}).values():
        for kind in ("Send", "Delivery"):
            message = json.dumps(event(kind, attempt, recipient))
            topic = told["SnsDestination"]["TopicArn"]
            if ses.late is not None:
                ses.late.append((topic, message))
            else:
                ses.sns.publish(TopicArn=topic, Message=message)
    return f"ses-{attempt}"
