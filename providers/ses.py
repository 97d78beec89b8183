"""Amazon SES, version 2 of its interface. botocore signs the request and reads the answer; `http` carries it.

botocore's own transport repeats a request that was not answered in time, and so delivers a mail up to three
times; nor can it tell a request that was cut off from one that was not answered.
"""

import json
import os
import re
import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from providers import body, http, mime, ses_errors
from providers.base import Limits
from providers.errors import AccountProblem, Refused, Unknown
from providers.message import Message, Receipt

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sesv2.type_defs import MessageTagTypeDef

# https://docs.aws.amazon.com/ses/latest/dg/mime-types.html
_BLOCKED = """
    ade adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf
    ins isp its js jse ksh lib lnk mad maf mag mam maq mar mas mat mau mav maw mda
    mdb mde mdt mdw mdz msc msh msh1 msh2 mshxml msh1xml msh2xml msi msp mst ops pcd pif plg prf
    prg reg scf scr sct shb shs sys ps1 ps1xml ps2 ps2xml psc1 psc2 tmp url vb vbe vbs vps
    vsmacros vss vst vsw vxd ws wsc wsf wsh xnk
"""

_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_MOST_TAGS = 50
_WORDS = ("code", "__type", "message", "Message", "MessageId")  # strings in all answers of AWS


@dataclass(frozen=True, kw_only=True)
class Config:
    """One SES account in one region."""

    name: str = "ses"
    region: str
    access_key_id: str = ""  # empty, both: boto3's own chain, such as the role of the machine
    secret_access_key: str = field(default="", repr=False)
    configuration_set: str = ""  # publishes the events; without it an unknown outcome stays unknown
    endpoint_url: str = ""  # another endpoint, such as an emulator
    timeouts: http.Timeouts = field(default_factory=http.Timeouts)
    connections: int = 32  # as many as threads

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be quoted."""
        return (self.secret_access_key, self.access_key_id)


class SES:
    """One SES account. The client is made at the first send in each process: it takes 0.2 s and 12 MB."""

    type: ClassVar[str] = "ses"
    limits: ClassVar[Limits] = Limits(
        max_bytes=40_000_000, max_recipients=50, blocked_extensions=frozenset(_BLOCKED.split())
    )

    def __init__(self, config: Config) -> None:
        """Open nothing yet."""
        self._config = config
        self._transport = http.Transport(
            config.name, timeouts=config.timeouts, connections=config.connections
        )
        self._calls = threading.local()
        self._lock = threading.Lock()
        self._owner = 0
        self._client: SESV2Client | None = None

    def __repr__(self) -> str:
        """Name the account, without its keys."""
        return f"SES({self.name!r}, region={self._config.region!r})"

    @property
    def name(self) -> str:
        """Its name in GOMAIL_PROVIDERS."""
        return self._config.name

    def send(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over one message, once; raise a ProviderError otherwise."""
        try:
            answer = self._call(message, attempt_id)
        except ClientError as error:
            raise ses_errors.classified(self.name, error, message, self._config.secrets) from error
        except ParamValidationError as error:
            raise Refused(f"{self.name}: {http.said(str(error))}", code="ParamValidationError") from error
        except BotoCoreError as error:  # no credentials, no such region: nothing has been sent
            kind = type(error).__name__
            detail = f"{self.name}: {http.said(str(error), self._config.secrets)}"
            raise AccountProblem(detail, code=kind) from error
        if not answer.get("MessageId"):
            raise Unknown(f"{self.name}: the request was accepted without a message id.", code="200")
        return Receipt(provider=self.name, message_id=str(answer["MessageId"]))

    def close(self) -> None:
        """Close the kept connections."""
        self._transport.close()

    def _call(self, message: Message, attempt_id: str) -> Mapping[str, Any]:
        self._calls.message, self._calls.token = message, body.token()
        request: dict[str, Any] = {
            # FromEmailAddress would rewrite the From header of the message.
            "Content": {"Raw": {"Data": self._calls.token}},
            "Destination": {
                "ToAddresses": [box.address for box in message.to],
                "CcAddresses": [box.address for box in message.cc],
                "BccAddresses": [box.address for box in message.bcc],
            },
            "EmailTags": _tags(message, attempt_id),
        }
        if self._config.configuration_set:
            request["ConfigurationSetName"] = self._config.configuration_set
        return self._connected().send_email(**request)

    def _fill(self, params: dict[str, Any], **_: object) -> None:
        """Put the real message in place of its token: botocore would copy 7 MB four times."""
        message, self._calls.message = self._calls.message, None  # a thread must not keep 7 MB alive
        token = b64encode(self._calls.token.encode()).decode()
        params["body"] = body.assemble(params["body"], {token: body.in_base64(mime.chunks(message))})

    def _carry(self, request: Any, **_: object) -> Any:
        """Carry the signed request in place of botocore's transport."""
        answer = self._transport.post(request.url, request.headers, request.body)
        if answer.body and not _is_aws(answer.body):
            raise http.foreign(self.name, answer, self._config.secrets)
        headers: Any = answer.headers
        return AWSResponse(request.url, answer.status, headers, _Content(answer.body))

    def _connected(self) -> "SESV2Client":
        if self._client is None or self._owner != os.getpid():
            with self._lock:
                if self._client is None or self._owner != os.getpid():
                    self._client, self._owner = self._new_client(), os.getpid()
        return self._client

    def _new_client(self) -> "SESV2Client":
        client: SESV2Client = boto3.session.Session().client(
            "sesv2",
            region_name=self._config.region,
            endpoint_url=self._config.endpoint_url or None,
            aws_access_key_id=self._config.access_key_id or None,
            aws_secret_access_key=self._config.secret_access_key or None,
            config=ClientConfig(
                retries={"mode": "standard", "total_max_attempts": 1},
                connect_timeout=self._config.timeouts.connect,
                read_timeout=self._config.timeouts.read,
                max_pool_connections=self._config.connections,
                user_agent="gomail",  # botocore puts its own together anew for every call
            ),
        )
        client.meta.events.register("before-call.sesv2.SendEmail", self._fill)
        carry: Any = self._carry
        client.meta.events.register("before-send.sesv2.SendEmail", carry)
        return client


def _tags(message: Message, attempt_id: str) -> "list[MessageTagTypeDef]":
    fitting = {
        name: value
        for name, value in message.metadata.items()
        if _TAG.fullmatch(name) and _TAG.fullmatch(value)
    }
    fitting.pop("gomail_attempt", None)
    tags = [("gomail_attempt", attempt_id), *fitting.items()]
    return [{"Name": name, "Value": value} for name, value in tags[:_MOST_TAGS]]


def _is_aws(words: bytes) -> bool:
    """Whether an answer has the shape of AWS' own; botocore stumbles over others."""
    try:
        answer = json.loads(words)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and all(isinstance(answer.get(name, ""), str) for name in _WORDS)


class _Content(BytesIO):
    """What botocore expects of an answer's body."""

    def stream(self) -> list[bytes]:
        return [self.getvalue()]
