"""Amazon SNS's envelopes, and their signatures.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html and
https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html. A signature alone proves only that some topic
of somebody's sent it: whoever uses this must check the topic as well. SubscribeURL is never fetched.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from providers import events
from providers.events import CannotVerify, Forged, Post

NOTIFICATION: Final = "Notification"
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
# What is signed, in this order; Subject only where there is one.
_SIGNED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        NOTIFICATION: _NOTIFICATION,
        "SubscriptionConfirmation": _CONFIRMATION,
        "UnsubscribeConfirmation": _CONFIRMATION,
    }
)
_HASHES: Mapping[str, hashes.HashAlgorithm] = MappingProxyType(
    {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - version 1 is the default of topics
)
_CERTIFICATE = re.compile(
    r"https://(sns\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?)/SimpleNotificationService-[A-Za-z0-9]+\.pem"
)
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What SNS wraps around a message."""

    kind: str
    topic: str
    fields: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return a field, or nothing."""
        return events.words(self.fields.get(name))


def read(body: bytes) -> Envelope:
    """Return the envelope; raise ValueError if it is none."""
    fields = events.read_json(body)
    if not isinstance(fields, dict) or fields.get("Type") not in _SIGNED:
        raise ValueError("It is no envelope of SNS.")
    return Envelope(kind=fields["Type"], topic=events.words(fields.get("TopicArn")), fields=fields)


def region(topic: str) -> str:
    """Return the region of a topic; empty if it is none."""
    found = _TOPIC.fullmatch(topic)
    return found[1] if found else ""


def certificate_host(url: str, *, of_region: str) -> str:
    """Return the host of a certificate's URL; raise Forged if it is not SNS's in this region.

    A looser rule is a known hole: s3.amazonaws.com, for instance, is anybody's.
    """
    found = _CERTIFICATE.fullmatch(url)
    if not found or found[2] != of_region:
        raise Forged("Its certificate is not from SNS in the topic's region.")
    return found[1]


def check(envelope: Envelope, certificate: x509.Certificate, post: Post) -> None:
    """Raise unless the certificate's owner, which is SNS, has signed the envelope."""
    _check_certificate(certificate, envelope, post)
    algorithm = _HASHES.get(envelope.text("SignatureVersion"))
    if algorithm is None:
        raise CannotVerify("Its signature is of an unknown version.")
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise Forged("Its certificate has no RSA key.")
    try:
        key.verify(
            events.in_base64(envelope.text("Signature")), _signed(envelope), padding.PKCS1v15(), algorithm
        )
    except InvalidSignature as error:
        raise Forged("Its signature is not that of the certificate.") from error


def _signed(envelope: Envelope) -> bytes:
    """Return what is signed: each name and value ends with a line feed, the last one, too."""
    names = [
        name for name in _SIGNED[envelope.kind] if name != "Subject" or envelope.fields.get(name) is not None
    ]
    return "".join(f"{name}\n{envelope.text(name)}\n" for name in names).encode(errors="replace")


def _check_certificate(certificate: x509.Certificate, envelope: Envelope, post: Post) -> None:
    host = certificate_host(envelope.text("SigningCertURL"), of_region=region(envelope.topic))
    if not _names(certificate) & {"sns.amazonaws.com", host}:
        raise Forged("Its certificate is not SNS's.")
    if (
        not certificate.not_valid_before_utc <= post.at + events.AHEAD
        or post.at > certificate.not_valid_after_utc
    ):
        raise Forged("Its certificate is not valid at this time.")


def _names(certificate: x509.Certificate) -> set[str]:
    """Return the hosts that a certificate is for: the alternative names, or without any the common name."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return set(extension.value.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return {str(each.value) for each in common}
