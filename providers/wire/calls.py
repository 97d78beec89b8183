"""Calls that set something up at a vendor: JSON or a form in, JSON out, and every refusal in words for a person."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from providers.errors import AccountProblem, ProviderError, Unavailable, Unknown
from providers.wire import body, http

_FORBIDDEN = (401, 403)
_JSON = "application/json"


class NotFound(AccountProblem):
    """The vendor knows no such thing."""


class Invalid(AccountProblem):
    """The vendor does not take these values."""


_BY_STATUS: Mapping[int, type[AccountProblem]] = {400: Invalid, 404: NotFound, 422: Invalid}


@dataclass(frozen=True, kw_only=True)
class Calls:
    """The calls to one account."""

    name: str  # the account's, in GOMAIL_PROVIDERS
    vendor: str  # its name for people
    endpoint: http.Endpoint
    words: Callable[
        [bytes], str
    ]  # the text of a refusal in the vendor's own format; empty: it is not in that
    hide: Sequence[str] = field(repr=False)  # secrets never to quote
    refuses_by_500: bool = False  # the vendor's status for every refusal, not only for failures of its own

    def get(self, path: str, *, right: str) -> Any:
        """Return what the vendor tells; `right`: what its key must be allowed to do for it."""
        return self._told(self._asked(lambda: self.endpoint.get(path)), right)

    def send(self, method: str, path: str, fields: Mapping[str, Any], *, right: str) -> Any:
        """Return what the vendor answers to an object in JSON."""
        return self.send_json(method, path, fields, right=right)

    def send_json(self, method: str, path: str, value: object, *, right: str) -> Any:
        """Return what the vendor answers to JSON of any form."""
        content = json.dumps(value).encode()
        return self._told(self._changed(method, path, _JSON, content), right)

    def send_form(self, method: str, path: str, fields: Sequence[tuple[str, str]], *, right: str) -> Any:
        """Return what the vendor answers to a form."""
        content = urlencode(fields).encode()
        return self._told(self._changed(method, path, "application/x-www-form-urlencoded", content), right)

    def delete(self, path: str, *, right: str) -> Any:
        """Return what the vendor answers to a request to delete, which has no body."""
        return self._told(
            self._asked(lambda: self.endpoint.change("DELETE", path, _JSON, body.Body())), right
        )

    def _changed(self, method: str, path: str, kind: str, content: bytes) -> http.Answer:
        return self._asked(lambda: self.endpoint.change(method, path, kind, body.assemble(content, {})))

    def _asked(self, ask: Callable[[], http.Answer]) -> http.Answer:
        try:
            return ask()
        except (Unavailable, Unknown) as error:
            advice = "Look at this machine's network and at the vendor's status page, then run this again."
            raise Unavailable(f"{http.said(error.detail, self.hide)}. {advice}", code=error.code) from None

    def _told(self, answer: http.Answer, right: str) -> Any:
        if answer.status in (200, 201, 202, 204):
            return self._parsed(answer)
        words = self.words(answer.body)
        if not words and answer.status not in _FORBIDDEN:
            raise http.foreign(self.name, answer, self.hide)
        raise self._refusal(answer, words, right)

    def _refusal(self, answer: http.Answer, words: str, right: str) -> ProviderError:
        said = f"{self.vendor} answered {answer.status}: {http.said(words or answer.words, self.hide)}"
        if answer.status in _FORBIDDEN:
            return AccountProblem(f"{self.name}: the key may not do this. It needs {right}. {said}")
        if answer.status == 429 or (answer.status >= 500 and not (words and self.refuses_by_500)):
            return Unavailable(f"{self.name}: wait, then run this again. {said}")
        return _BY_STATUS.get(answer.status, AccountProblem)(f"{self.name}: {said}", code=str(answer.status))

    def _parsed(self, answer: http.Answer) -> Any:
        if not answer.body.strip():
            return {}
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise http.foreign(self.name, answer, self.hide) from None
