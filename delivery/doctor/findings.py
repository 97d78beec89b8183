"""What a question about the record finds."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from django.db.models import QuerySet

from delivery.models import Email

EXAMPLES = 10  # named, however many there are
Tell = Callable[[str], None]  # is told how far a long question is


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one question found."""

    question: str  # its name, which stays
    sentence: str  # what is so
    is_wrong: bool = False  # something is broken; a person, or a repair, has to do something
    is_note: bool = False  # nothing is broken, and a person should know it
    count: int = 0
    examples: list[str] = field(default_factory=list)  # the first ids of emails, or names of files
    todo: str = ""
    mended: int = 0  # how many of them a repair has mended


@dataclass(frozen=True, kw_only=True)
class Words:
    """What is said of a question, whatever it finds."""

    question: str
    well: str  # a sentence, when nothing is found
    broken: str  # what is found, in the plural
    todo: str = ""


class Tally:
    """Counts what is broken, and keeps the first few."""

    def __init__(self) -> None:
        """Know of nothing."""
        self.count = self.mended = 0
        self.examples: list[str] = []

    def add(self, example: object, *, mended: bool = False) -> None:
        """Take one more."""
        self.count += 1
        self.mended += mended
        if len(self.examples) < EXAMPLES:
            self.examples.append(str(example))

    def finding(self, words: Words) -> Finding:
        """Return what was found: something wrong, or nothing."""
        return Finding(
            question=words.question,
            sentence=f"{words.broken}: {self.count:,}." if self.count else words.well,
            is_wrong=self.count > self.mended,
            count=self.count,
            examples=self.examples,
            todo=words.todo if self.count > self.mended else "",
            mended=self.mended,
        )


def counted(emails: QuerySet[Email], words: Words) -> Finding:
    """Return what was found by a question that the database answers from an index."""
    tally = Tally()
    tally.count = emails.count()
    tally.examples = [str(pk) for pk in emails.order_by("pk").values_list("pk", flat=True)[:EXAMPLES]]
    return tally.finding(words)


def noted(finding: Finding) -> Finding:
    """Return a finding as what a person should know, though nothing is broken."""
    return replace(finding, is_wrong=False, is_note=finding.count > 0)
