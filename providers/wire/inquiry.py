"""Readiness questions to a vendor, limited in number and time, and the merging of their answers."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from providers.errors import AccountProblem, Exhausted, ProviderError, Unavailable, Unknown
from providers.readiness import Readiness, Sender
from providers.wire import http

MOST_QUESTIONS = 10
MOST_SENDERS = 25
PAUSE = 1.0  # seconds; several vendors answer one question a second

_UNUSABLE = "configuration"  # how `http` names a key or an address that no request can hold


class Untold(Exception):
    """One question was not put, or not answered; others may be. The message says why."""


class Inquiry:
    """The questions of one check of one account, limited in number and, by each one's timeout, in time."""

    def __init__(
        self, name: str, get: Callable[[str], http.Answer], *, seconds: float, hide: Iterable[str]
    ) -> None:
        """Take the function that asks by path, the seconds for all questions, and the secrets never to quote."""
        self.name = name
        self._get = get
        self._hide = tuple(hide)
        self._left = MOST_QUESTIONS
        self._until = time.monotonic() + seconds

    def ask(self, path: str) -> http.Answer:
        """Return the answer; after a 429, ask a second time.

        Raises Untold when the questions or the time are used up, a ProviderError if there is no answer.
        """
        answer = self._ask(path)
        if answer.status != 429:
            return answer
        time.sleep(PAUSE)
        return self._ask(path)

    def said(self, words: bytes | str) -> str:
        """Return a vendor's text for a person, without secrets."""
        return http.said(words, self._hide)

    def foreign(self, answer: http.Answer) -> ProviderError:
        """Return the error for an answer that is not in the vendor's own format."""
        error = http.foreign(self.name, answer, self._hide)
        return type(error)(
            f"{error.detail}. Look at its address in the configuration, and whether a proxy stands in between.",
            code=error.code,
        )

    def _ask(self, path: str) -> http.Answer:
        if self._left <= 0 or time.monotonic() > self._until:
            raise Untold(f"{self.name} was not asked: one check puts few questions. Ask for fewer senders.")
        self._left -= 1
        try:
            return self._get(path)
        except Exhausted as error:
            raise Untold(self.said(error.detail)) from None
        except ProviderError as error:
            raise self._unanswered(error) from None  # its cause may quote a header, and with it a key

    def _unanswered(self, error: ProviderError) -> ProviderError:
        if error.code == _UNUSABLE:
            return AccountProblem(
                f"{self.name}: its key cannot be used in a request. Enter it anew, without line breaks or spaces.",
                code=error.code,
            )
        advice = "Look at its keys, region and address in the configuration."
        if isinstance(error, Unavailable | Unknown):
            advice = (
                "Look at this machine's network, at its configured address and at the vendor's status page."
            )
        return type(error)(f"{self.said(error.detail)} {advice}", code=error.code)


def gather(
    name: str, senders: Sequence[str], learn: Callable[[Sequence[str]], Iterator[Readiness]]
) -> Readiness:
    """Merge the parts that `learn` yields for the first 25 senders.

    A ProviderError ends it and becomes a problem. `Untold` ends it and becomes a warning, and `asked` is False.
    """
    every = tuple(dict.fromkeys(senders))
    parts = list(_until_an_error(name, learn(every[:MOST_SENDERS])))
    if len(every) > MOST_SENDERS:
        few = f"{name} was asked about the first {MOST_SENDERS} of {len(every)} senders only."
        parts.append(Readiness(provider=name, warnings=(few,)))
    told = {address: sender for part in parts for address, sender in part.senders.items()}
    problems = _different(part.problems for part in parts)
    silent = Sender(verified=None, detail=f"{name} was not asked about it.")
    return Readiness(
        provider=name,
        asked=bool(problems) or all(part.asked for part in parts),
        problems=problems,
        warnings=_different(part.warnings for part in parts),
        stopped=next((part.stopped for part in parts if part.stopped), ""),
        sandbox=next((part.sandbox for part in parts if part.sandbox is not None), None),
        quota=next((part.quota for part in parts if part.quota), None),
        senders={address: told.get(address, silent) for address in every},
    )


def domains(address: str) -> tuple[str, ...]:
    """Return the domain of an address and its parents, without the top level: a.example.org, example.org."""
    labels = address.rpartition("@")[2].lower().split(".")
    return tuple(".".join(labels[depth:]) for depth in range(max(1, len(labels) - 1)))


def _until_an_error(name: str, parts: Iterator[Readiness]) -> Iterator[Readiness]:
    try:
        yield from parts
    except ProviderError as error:
        yield Readiness(provider=name, problems=(error.detail,))
    except Untold as untold:
        yield Readiness(provider=name, asked=False, warnings=(str(untold),))


def _different(groups: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentence for group in groups for sentence in group))
