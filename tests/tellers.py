"""The vendors as they tell of mail: events in their own form, signed as they sign them."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

ADDRESS = "bob@example.org"
NAMES = ("ses", "sendgrid", "mailgun", "mandrill")
URL = "https://mail.example.org/api/v1/email-service/events/"


@dataclass(kw_only=True)
class Said:
    """A post as a vendor makes it."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@cache
def rsa_key(name: str = "sns") -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key(name: str = "sendgrid") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def certificate(name: str = "sns", host: str = "sns.amazonaws.com") -> x509.Certificate:
    """Return a certificate of that key for that host, as SNS has one."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    return (
        x509.CertificateBuilder(issuer_name=subject, subject_name=subject)
        .public_key(rsa_key(name).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=30))
        .not_valid_after(datetime.now(UTC) + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(rsa_key(name), hashes.SHA256())
    )


class SES:
    """Amazon SES, through SNS over HTTP."""

    TOPIC: ClassVar[str] = "arn:aws:sns:eu-west-1:123456789012:gomail"
    VARIABLES: ClassVar[Mapping[str, str]] = {
        "AWS_SES_REGION": "eu-west-1",
        "AWS_SES_EVENTS_TOPIC_ARN": TOPIC,
    }
    forged: ClassVar[int] = 403

    def message(
        self, attempt: str, kind: str = "Delivery", address: str = ADDRESS, **part: Any
    ) -> dict[str, Any]:
        """Return what SES publishes."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        tags = {"gomail_attempt": [attempt]}
        mail = {"timestamp": at, "messageId": f"m-{attempt}", "destination": [address], "tags": tags}
        given = {"timestamp": at, "recipients": [address], "smtpResponse": "250 ok", **part}
        return {"eventType": kind, "mail": mail, kind.lower(): given}

    def envelope(
        self, message: Any, *, key: str = "sns", version: str = "2", **changes: str
    ) -> dict[str, str]:
        """Return what SNS makes of it, signed by this key."""
        fields = {
            "Type": "Notification",
            "MessageId": str(uuid4()),
            "TopicArn": self.TOPIC,
            "Message": message if isinstance(message, str) else json.dumps(message),
            "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "SignatureVersion": version,
            "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem",
            **changes,
        }
        names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        signed = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields).encode()
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = rsa_key(key).sign(signed, padding.PKCS1v15(), algorithm)
        return {"Signature": base64.b64encode(signature).decode(), **fields}

    def say(
        self, attempt: str, *, key: str = "sns", ago: float = 0, url: str = "", **of_envelope: str
    ) -> Said:
        """Return a delivery, said so many seconds ago."""
        moment = datetime.now(UTC) - timedelta(seconds=ago)
        of_envelope.setdefault("Timestamp", moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
        envelope = self.envelope(self.message(attempt), key=key, **of_envelope)
        return Said(body=json.dumps(envelope).encode(), headers={"x-amz-sns-message-type": "Notification"})


class SendGrid:
    """SendGrid's signed event webhook."""

    forged: ClassVar[int] = 403
    SIGNATURE: ClassVar[str] = "x-twilio-email-event-webhook-signature"
    TIME: ClassVar[str] = "x-twilio-email-event-webhook-timestamp"

    @property
    def VARIABLES(self) -> Mapping[str, str]:  # noqa: N802 - as the others have it
        return {"SENDGRID_EVENTS_PUBLIC_KEY": public("sendgrid")}

    def event(
        self, ours: str, /, kind: str = "delivered", address: str = ADDRESS, **more: Any
    ) -> dict[str, Any]:
        given = {"email": address, "event": kind, "timestamp": int(time.time()), "gomail_attempt": ours}
        return {**given, "sg_message_id": f"m-{ours}", "sg_event_id": str(uuid4()), **more}

    def sign(self, body: bytes, *, key: str = "sendgrid", ago: float = 0) -> Said:
        at = str(int(time.time() - ago))
        signature = ec_key(key).sign(at.encode() + body, ec.ECDSA(hashes.SHA256()))
        return Said(body=body, headers={self.SIGNATURE: base64.b64encode(signature).decode(), self.TIME: at})

    def say(self, attempt: str, *, key: str = "sendgrid", ago: float = 0, url: str = "") -> Said:
        return self.sign(json.dumps([self.event(attempt)]).encode() + b"\r\n", key=key, ago=ago)


class Mailgun:
    """Mailgun's webhooks."""

    forged: ClassVar[int] = 406
    VARIABLES: ClassVar[Mapping[str, str]] = {"MAILGUN_EVENTS_SIGNING_KEY": "mailgun"}

    def data(
        self, attempt: str, kind: str = "delivered", address: str = ADDRESS, **more: Any
    ) -> dict[str, Any]:
        given = {"event": kind, "timestamp": time.time(), "id": str(uuid4()), "recipient": address}
        headers = {"headers": {"message-id": f"m-{attempt}"}}
        return {**given, "message": headers, "user-variables": {"gomail_attempt": attempt}, **more}

    def sign(
        self, data: Any, *, key: str = "mailgun", ago: float = 0, block: str = "signature", begins: str = ""
    ) -> Said:
        at, token = str(int(time.time() - ago)), (begins + uuid4().hex + uuid4().hex)[:50]
        signature = hmac.new(key.encode(), (at + token).encode(), hashlib.sha256).hexdigest()
        signed = {"timestamp": at, "token": token, "signature": signature}
        return Said(body=json.dumps({block: signed, "event-data": data}).encode())

    def say(self, attempt: str, *, key: str = "mailgun", ago: float = 0, url: str = "") -> Said:
        return self.sign(self.data(attempt), key=key, ago=ago)


class Mandrill:
    """Mandrill's webhooks, which are signed with their URL."""

    forged: ClassVar[int] = 403
    VARIABLES: ClassVar[Mapping[str, str]] = {"MANDRILL_EVENTS_KEY": "mandrill"}

    def event(
        self, ours: str, /, kind: str = "delivered", address: str = ADDRESS, **mail: Any
    ) -> dict[str, Any]:
        msg = {"email": address, "_id": f"m-{ours}", "metadata": {"gomail_attempt": ours}, **mail}
        return {"event": kind, "_id": msg["_id"], "ts": int(time.time()), "msg": msg}

    def sign(self, events: Sequence[Any], *, key: str = "mandrill", url: str = "") -> Said:
        text = json.dumps(events)
        digest = hmac.new(
            key.encode(), f"{url or URL + 'mandrill/'}mandrill_events{text}".encode(), hashlib.sha1
        ).digest()
        headers = {"x-mandrill-signature": base64.b64encode(digest).decode()}
        return Said(body=urlencode({"mandrill_events": text}).encode(), headers=headers)

    def say(self, attempt: str, *, key: str = "mandrill", ago: float = 0, url: str = "") -> Said:
        return self.sign([self.event(attempt)], key=key, url=url)


def public(name: str) -> str:
    """Return a public key as SendGrid shows it."""
    spki = (
        ec_key(name)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return base64.b64encode(spki).decode()


TELLERS: Mapping[str, Any] = {
    "ses": SES(),
    "sendgrid": SendGrid(),
    "mailgun": Mailgun(),
    "mandrill": Mandrill(),
}


def variables() -> dict[str, str]:
    """Return what verifies all of them."""
    return {name: value for teller in TELLERS.values() for name, value in teller.VARIABLES.items()}
