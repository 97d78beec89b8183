"""Findings: the results of the doctor's checks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from django.db.models import QuerySet

from delivery.models import Email

EXAMPLES = 10  # listed, however many there are
Tell = Callable[[str], None]  # gets the progress of a long check


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check."""

    question: str  # the check's identifier, which never changes
    sentence: str  # the result in words
    is_wrong: bool = False  # something is broken; a repair or a person has to act
    is_note: bool = False  # nothing is broken, but a person should know
    count: int = 0
    examples: list[str] = field(default_factory=list)  # the first ids of emails or names of files
    todo: str = ""
    mended: int = 0  # repaired items


@dataclass(frozen=True, kw_only=True)
class Words:
    """The texts of a check."""

    question: str
    well: str  # a sentence, if nothing is found
    broken: str  # the items found, in the plural
    todo: str = ""


class Tally:
    """Counts broken items, and keeps the first ten as examples."""

    def __init__(self) -> None:
        """Start at zero."""
        self.count = self.repaired = 0
        self.examples: list[str] = []

    def add(self, example: object, *, repaired: bool = False) -> None:
        """Count one more."""
        self.count += 1
        self.repaired += repaired
        if len(self.examples) < EXAMPLES:
            self.examples.append(str(example))

    def finding(self, words: Words) -> Finding:
        """Return the finding: wrong if items are left unrepaired."""
        return Finding(
            question=words.question,
            sentence=f"{words.broken}: {self.count:,}." if self.count else words.well,
            is_wrong=self.count > self.repaired,
            count=self.count,
            examples=self.examples,
            todo=words.todo if self.count > self.repaired else "",
            mended=self.repaired,
        )


def counted(emails: QuerySet[Email], words: Words) -> Finding:
    """Return the finding of a check that is a query on emails."""
    tally = Tally()
    tally.count = emails.count()
    tally.examples = [str(pk) for pk in emails.order_by("pk").values_list("pk", flat=True)[:EXAMPLES]]
    return tally.finding(words)


def noted(finding: Finding) -> Finding:
    """Return the finding as a note: nothing is broken."""
    return replace(finding, is_wrong=False, is_note=finding.count > 0)
