"""Amazon SES, API version 2. boto3 finds the endpoint and the keys, botocore signs, wire.http sends.

botocore's own transport retries a request that times out, and so delivers a mail up to three times; nor can it tell
a request that was not fully sent from one that was not answered.
"""

import json
import os
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from providers.base import Limits, Metadata
from providers.errors import AccountProblem, Exhausted, ProviderError
from providers.message import Mailbox, Message, Receipt
from providers.mime import build
from providers.readiness import Allowance, Readiness
from providers.ses import errors, quota, readiness
from providers.wire import body, domains, http, network_errors, shortage
from providers.wire.inquiry import Inquiry

_PATH = "/v2/email/outbound-emails"
_SERVICE = "ses"  # its name in signatures, for every API version

# https://docs.aws.amazon.com/ses/latest/dg/mime-types.html
_BLOCKED = """
    ade adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf
    ins isp its js jse ksh lib lnk mad maf mag mam maq mar mas mat mau mav maw mda
    mdb mde mdt mdw mdz msc msh msh1 msh2 mshxml msh1xml msh2xml msi msp mst ops pcd pif plg prf
    prg reg scf scr sct shb shs sys ps1 ps1xml ps2 ps2xml psc1 psc2 tmp url vb vbe vbs vps
    vsmacros vss vst vsw vxd ws wsc wsf wsh xnk
"""

# https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html#send-email-simulator: it accepts
# mail in the sandbox as well, does not count against the daily quota, and allows a label after the plus.
_SIMULATOR = "success+{label}@simulator.amazonses.com"
_LONGEST_LABEL = 56  # a local part has at most 64 characters

_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")  # botocore/data/sesv2/2019-09-27: MessageTagName, MessageTagValue

# https://docs.aws.amazon.com/ses/latest/dg/quotas.html. It has no tags in our sense: a name without a value.
LIMITS = Limits(
    max_bytes=40_000_000,
    max_recipients=50,
    blocked_extensions=frozenset(_BLOCKED.split()),
    metadata=Metadata(most=50, name=_TAG, value=_TAG),
)

# Exceptions of boto3 while it looks up the endpoint and the keys, before anything is sent.
_NOT_FOUND = (
    BotoCoreError,  # no keys, only one of the pair, unknown region
    ClientError,  # AWS refuses the keys of a role
    OSError,  # a file or program that should provide keys
    ValueError,  # an invalid endpoint in the environment
    RuntimeError,  # refreshed keys that have expired already
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """One SES account in one region."""

    name: str = "ses"
    region: str
    access_key_id: str = ""  # both empty: boto3's own chain, such as the machine's role
    secret_access_key: str = field(default="", repr=False)
    configuration_set: str = ""  # publishes events; without it no event settles an unknown email
    endpoint_url: str = ""  # another endpoint, such as an emulator
    timeouts: http.Timeouts = field(default_factory=http.Timeouts)
    connections: int = http.KEPT

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values never to quote."""
        return (self.secret_access_key, self.access_key_id)


@dataclass(frozen=True, kw_only=True)
class _Account:
    """The endpoint and credentials that boto3 found for a Config."""

    endpoint: str  # without a trailing slash
    region: str
    credentials: Credentials = field(repr=False)

    @property
    def url(self) -> str:
        """The URL for sending."""
        return self.endpoint + _PATH


class SES:
    """One SES account. Each process looks up its endpoint and keys at the first send, which takes 0.2 s."""

    type: ClassVar[str] = "ses"

    def __init__(self, config: Config) -> None:
        """Configure the account; no connection is opened yet."""
        self.name = config.name
        self.limits = replace(LIMITS, special_use_domains=domains.leads_near(config.endpoint_url))
        self._config = config
        self._transport = http.Transport(
            config.name, timeouts=config.timeouts, connections=config.connections
        )
        self._lock = threading.Lock()
        self._owner = 0
        self._account: _Account | None = None

    def __repr__(self) -> str:
        """Show the account without its keys."""
        return f"SES({self.name!r}, region={self._config.region!r})"

    def send(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message once; raise a ProviderError if not accepted."""
        content = _content(message, attempt_id, self._config.configuration_set)
        account, keys = self._found()
        signed = _signed("POST", account.url, account, keys, content)
        answer = self._transport.post(account.url, {**signed, "Content-Length": str(content.size)}, content)
        message_id = errors.message_id(answer)
        if not message_id:
            raise errors.classified(self.name, answer, message, self._config.secrets)
        return Receipt(provider=self.name, message_id=message_id)

    def rehearse(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message to Amazon's mailbox simulator only; raises as send does."""
        return self.send(_to_simulator(message, attempt_id), attempt_id)

    def check(self, senders: Sequence[str]) -> Readiness:
        """Tell whether mail from these addresses would be accepted now. Sends nothing, raises nothing."""
        return readiness.check(
            self.questions(seconds=self._config.timeouts.total), senders, self._config.configuration_set
        )

    def prepare(self) -> None:
        """Look up endpoint and keys; what is wrong with them the first mail will tell."""
        with suppress(ProviderError):
            self._found()

    def allowance(self) -> Allowance | None:
        """Ask for the account's rate and day; None if it does not tell. Raises a ProviderError."""
        return quota.ask(self.questions(seconds=self._config.timeouts.total))

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def questions(self, *, seconds: float) -> Inquiry:
        """Return questions to the account, the last of which begins after so many seconds at most."""
        return Inquiry(self.name, self._get, seconds=seconds, hide=self._config.secrets)

    def _get(self, path: str) -> http.Answer:
        account, keys = self._found()
        url = account.endpoint + path
        return self._transport.get(url, _signed("GET", url, account, keys, None))

    def _found(self) -> tuple[_Account, ReadOnlyCredentials]:
        """Return the account with its current keys: those of a role change every few hours."""
        try:
            account = self._looked_up()
            return account, account.credentials.get_frozen_credentials()
        except (*_NOT_FOUND, MemoryError) as error:
            raise self._not_found(error) from error

    def _not_found(self, error: Exception) -> ProviderError:
        text = http.said(str(error), self._config.secrets)
        # botocore passes over files and services of keys that it cannot open, and then knows no keys.
        if shortage.explains(error) or shortage.is_here():
            return Exhausted(**network_errors.told(f"{self.name}: this machine ran short", error, text))
        return AccountProblem(f"{self.name}: {text}", code=type(error).__name__)

    def _looked_up(self) -> _Account:
        if self._account is None or self._owner != os.getpid():
            with self._lock:
                if self._account is None or self._owner != os.getpid():
                    self._account, self._owner = _look_up(self._config), os.getpid()
        return self._account


def _look_up(config: Config) -> _Account:
    session = boto3.session.Session(
        region_name=config.region,
        aws_access_key_id=config.access_key_id or None,
        aws_secret_access_key=config.secret_access_key or None,
    )
    client = session.client("sesv2", endpoint_url=config.endpoint_url or None)
    credentials = session.get_credentials()
    if credentials is None:  # raised, so that it is looked up anew next time
        raise NoCredentialsError
    return _Account(
        endpoint=client.meta.endpoint_url.rstrip("/"),
        region=client.meta.region_name,
        credentials=credentials,
    )


def _to_simulator(message: Message, attempt_id: str) -> Message:
    """Return the message with the simulator as its only recipient, in envelope and headers."""
    label = re.sub(r"[^A-Za-z0-9-]", "-", attempt_id)[:_LONGEST_LABEL]
    return replace(message, to=(Mailbox(address=_SIMULATOR.format(label=label)),), cc=(), bcc=())


def _signed(
    method: str, url: str, account: _Account, keys: ReadOnlyCredentials, content: body.Body | None
) -> dict[str, str]:
    """Return the headers of the signed request; like botocore, this does not sign the length."""
    sent = {"Content-Type": "application/json"} if content else {}
    request = AWSRequest(method, url, sent, content)
    SigV4Auth(keys, _SERVICE, account.region).add_auth(request)
    return {**request.headers, "User-Agent": "gomail"}


def _content(message: Message, attempt_id: str, configuration_set: str) -> body.Body:
    token = body.token()
    request: dict[str, Any] = {
        # FromEmailAddress would rewrite the From header of the message.
        "Content": {"Raw": {"Data": token}},
        "Destination": {
            "ToAddresses": [box.address for box in message.to],
            "CcAddresses": [box.address for box in message.cc],
            "BccAddresses": [box.address for box in message.bcc],
        },
        "EmailTags": _tags(message, attempt_id),
    }
    if configuration_set:
        request["ConfigurationSetName"] = configuration_set
    return body.assemble(json.dumps(request).encode(), {token: body.in_base64(build.chunks(message))})


def _tags(message: Message, attempt_id: str) -> list[dict[str, str]]:
    tags = LIMITS.metadata.fitting({"gomail_attempt": attempt_id}, message.metadata)
    return [{"Name": name, "Value": value} for name, value in tags.items()]
