"""The journal of this machine: addresses of erased people are overwritten where they stand, with as many letters.

What is overwritten stands inside of a text in JSON, letter for letter. Only lines are touched whose outcome the
database has; a line that is still owed to it belongs to an email that is being sent.

What stays proves, after a restore, that the email was sent; the fingerprint of its recipients does not, and it is put
in doubt then, never sent twice in silence.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

from delivery.content import tombstones
from delivery.erasure import lines, reach
from delivery.erasure.lines import Line
from delivery.erasure.reach import Reach
from delivery.models import Email, Erasure, Recipient
from delivery.queue import watermark_notes

_ADDRESS = re.compile(rb"([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+)(@|%40)([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_BETWEEN = re.compile(rb"[^A-Za-z0-9._+-](?:(?<=%)[0-9A-Fa-f]{2})?")  # what may stand before an address
_ESCAPE = re.compile(rb"u[0-9A-Fa-f]{4}|[nrtbf]")
_NOBODY: Final = b"0"


def overwrite(erasures: Collection[Erasure]) -> int:
    """Overwrite what this machine's journal holds of these people; return how many lines held something."""
    if not erasures:
        return 0
    named = {each.digest: reach.of(each) for each in erasures}
    with watermark_notes.alone():
        return sum(_overwrite_some(some, named) for some in lines.pieces())


def _overwrite_some(some: Sequence[Line], named: Mapping[str, Reach]) -> int:
    emails = Email.objects.filter(pk__in={line.email for line in some if line.email})
    teams: dict[UUID | None, int | None] = dict(emails.values_list("pk", "team_id"))
    erased = Recipient.objects.filter(email__in=list(teams), canonical__startswith=tombstones.PREFIX)
    hidden = set(erased.values_list("email", flat=True))
    owed = lines.owed(some)
    return sum(
        lines.write(line, _without(line, _within(named, teams, line.email), is_erased=line.email in hidden))
        for line in some
        if line.attempt not in owed
    )


def _within(
    named: Mapping[str, Reach], teams: Mapping[UUID | None, int | None], email: UUID | None
) -> set[str]:
    """Return who is erased from the lines of this email; of one that is not here any more, by the operator alone."""
    known = email in teams
    return {
        digest
        for digest, far in named.items()
        if far.everywhere or (known and far.team_id == teams.get(email))
    }


def _without(line: Line, digests: Collection[str], *, is_erased: bool) -> bytes:
    content = line.content
    if digests:
        content = _ADDRESS.sub(lambda found: _hidden(line.content, found, digests), content)
    return _without_fingerprint(content) if is_erased else content


def _without_fingerprint(content: bytes) -> bytes:
    said = lines.read(content)
    mark = str(said.get("recipients", "")).encode()
    return content.replace(b'"%b"' % mark, b'"%b"' % (_NOBODY * len(mark))) if mark else content


def _hidden(content: bytes, found: re.Match[bytes], digests: Collection[str]) -> bytes:
    local, at, domain = found.groups()
    for start in _starts(content, found, local):
        address = f"{local[start:].decode()}@{domain.decode()}".lower()
        if name := next((each for each in tombstones.of(address) if each in digests), ""):
            length = len(local) - start + len(at) + len(domain)
            return local[:start] + _filled(name, length)
    return found[0]


def _starts(content: bytes, found: re.Match[bytes], local: bytes) -> Iterator[int]:
    """Yield where an address may begin in what looks like one: an equal sign is a part of it, or stands before."""
    first = 0
    if content[found.start() - 1 : found.start()] == b"\\" and (escape := _ESCAPE.match(local)):
        first = escape.end()
    yield first
    for between in _BETWEEN.finditer(local, first):
        yield between.end()
        yield between.start() + 1


def _filled(name: str, length: int) -> bytes:
    return name[:length].ljust(length, ".").encode()
