"""Mandrill (Mailchimp Transactional), API version 1.0: our MIME in a JSON document.

messages/send-raw takes a mail "exactly as if it were sent through Mandrill's SMTP servers" and has no fields
for metadata and tags: they are sent in X-MC-… headers before our MIME, whose bytes stay unchanged.
https://mailchimp.com/developer/transactional/docs/smtp-integration/
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from providers.base import Limits, Metadata, Tags
from providers.mandrill import errors, readiness
from providers.message import Message, Receipt
from providers.mime import build, headers
from providers.readiness import NoTestMode, Readiness
from providers.wire import body, domains, http
from providers.wire.inquiry import Inquiry

# https://mailchimp.com/developer/transactional/docs/tags-metadata/: 250 bytes of JSON, which is ASCII in a header;
# tags of 50 characters, without a comma, and no _ in front.
LIMITS = Limits(
    max_bytes=25_000_000,
    max_recipients=1000,
    tags=Tags(most=10, longest=50, form=re.compile(r"[!-+\--^`-~][ -+\--~]*")),
    metadata=Metadata(
        most=1000,
        most_bytes=250,
        measure=lambda values: len(json.dumps(values)),
        name=re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*"),
    ),
)

# X-MC-Track names what is tracked, over the account's setting, and this is neither opens nor clicks.
# https://mailchimp.com/developer/transactional/docs/smtp-integration/
_NEITHER = "none"


@dataclass(frozen=True, kw_only=True)
class Config:
    """One Mandrill account."""

    name: str = "mandrill"
    api_key: str = field(repr=False)
    base_url: str = "https://mandrillapp.com/api/1.0"
    timeouts: http.Timeouts = field(default_factory=http.Timeouts)
    connections: int = http.KEPT

    def endpoint(self, *, longest: int = http.LONGEST_ANSWER) -> http.Endpoint:
        """Return connections to the account, which read so many bytes of an answer; none is opened yet."""
        return http.Endpoint(
            self.name,
            self.base_url,
            timeouts=replace(self.timeouts, longest=longest),
            connections=self.connections,
        )


class Mandrill:
    """One Mandrill account."""

    type: ClassVar[str] = "mandrill"

    def __init__(self, config: Config) -> None:
        """Configure the account; no connection is opened yet."""
        self.name = config.name
        self.limits = replace(LIMITS, special_use_domains=domains.leads_near(config.base_url))
        self._config = config
        self._endpoint = config.endpoint()

    def __repr__(self) -> str:
        """Show the account without its key."""
        return f"Mandrill({self.name!r})"

    def send(self, message: Message, attempt_id: str) -> Receipt:
        """Hand over a message once; raise a ProviderError if not accepted."""
        request = _body(self._config.api_key, message, attempt_id)
        answer = self._endpoint.post("/messages/send-raw.json", "application/json", request)
        results = errors.results(answer)
        accepted = [result for result in results if result["status"] in errors.ACCEPTED]
        if not accepted:
            raise errors.classified(self.name, answer, [self._config.api_key])
        return Receipt(
            provider=self.name,
            message_id=str(accepted[0].get("_id") or ""),
            refused=errors.refused(results),
            account_problem=errors.held_back(self.name, accepted),
        )

    def rehearse(self, message: Message, attempt_id: str) -> Receipt:
        """Build the message and raise `NoTestMode`: the test mode belongs to a key, and cannot be detected.

        https://mandrill.zendesk.com/hc/en-us/articles/360038804654 describes test keys; users/info does not tell.
        """
        _body(self._config.api_key, message, attempt_id)
        raise NoTestMode(
            f"{self.name}: Mandrill delivers whatever a live key sends, and does not say which keys are test keys. "
            "The message was built and not handed over. With a test key, send it: nothing is delivered."
        )

    def check(self, senders: Sequence[str]) -> Readiness:
        """Tell whether mail from these addresses would be accepted now. Sends nothing, raises nothing."""
        return readiness.check(self.questions(seconds=self._config.timeouts.total), senders)

    def questions(self, *, seconds: float) -> Inquiry:
        """Return questions to the account, the last of which begins after so many seconds at most."""
        return Inquiry(self.name, self._ask, seconds=seconds, hide=[self._config.api_key])

    def close(self) -> None:
        """Close all connections."""
        self._endpoint.close()

    def _ask(self, path: str) -> http.Answer:
        key = json.dumps({"key": self._config.api_key}).encode()
        return self._endpoint.post(path, "application/json", body.assemble(key, {}))


def _body(api_key: str, message: Message, attempt_id: str) -> body.Body:
    """Return the request. Without from_email Mandrill uses the From header with its display name."""
    token = body.token()
    fields: dict[str, Any] = {
        "key": api_key,
        "raw_message": token,
        "to": list(dict.fromkeys(box.address for box in message.recipients)),
        "async": False,  # so that up to ten recipients are accepted or refused in the answer
    }
    return body.assemble(json.dumps(fields).encode(), {token: _escaped(message, attempt_id)})


def _escaped(message: Message, attempt_id: str) -> Iterator[bytes]:
    yield _quoted(headers.block(_instructions(message, attempt_id)))
    for chunk in build.chunks(message):
        yield _quoted(chunk)


def _quoted(text: bytes) -> bytes:
    """Return the inside of a JSON string. MIME is ASCII, so its pieces can be quoted one by one."""
    return json.dumps(text.decode("ascii"))[1:-1].encode()


def _instructions(message: Message, attempt_id: str) -> list[headers.Header]:
    """Return Mandrill's own headers: metadata, tags, and whether recipients see each other.

    Recipients are shown as in our headers, unless there is a blind copy: then Mandrill sends each recipient a
    separate mail, because for raw mail it does not promise that a blind copy stays blind.
    """
    tags = LIMITS.tags.fitting(message.tags)
    ours = {"gomail_attempt": attempt_id, "gomail_email": message.id}
    return [
        headers.text("X-MC-Metadata", json.dumps(LIMITS.metadata.fitting(ours, message.metadata))),
        *([headers.text("X-MC-Tags", ",".join(tags))] if tags else []),
        *([] if message.tracked else [headers.text("X-MC-Track", _NEITHER)]),
        headers.text("X-MC-PreserveRecipients", "false" if message.bcc else "true"),
    ]
