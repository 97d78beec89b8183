"""manage.py doctor: checks the database, files and journal, and says how to repair what is broken."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import CommandParser

from delivery import doctor
from delivery.doctor import Finding
from delivery.management import base

_HELP = """Checks the database, the stored files and the journal against GoMail's invariants. It sends nothing and may
run at any time beside everything else. Exit status: 0 nothing is wrong; 1 something is (or remains) wrong."""
_INDENT = " " * 9


class Command(base.Command):
    help = _HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true", help="repair what is safe, and report it")
        parser.add_argument("--deep", action="store_true", help="read every stored file and compare its hash")
        parser.add_argument("--json", action="store_true", help="print JSON, for monitoring")

    def handle(self, *args: Any, **options: Any) -> None:
        work = doctor.repair if options["repair"] else doctor.examine
        is_whole = doctor.has_its_hash if options["deep"] else doctor.has_its_size
        findings = self._recorded(work(is_whole, self._tell))
        wrong = self._as_json(findings) if options["json"] else self._as_text(findings)
        if wrong:
            raise SystemExit(1)

    def _recorded(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Pass the findings on, and record in the end what was repaired."""
        repaired = {}
        try:
            for finding in findings:
                if finding.mended:
                    repaired[finding.sentence] = finding.mended
                yield finding
        finally:
            if repaired:
                base.record("doctor.repaired", "doctor", "", {"repaired": repaired})

    def _as_text(self, findings: Iterable[Finding]) -> int:
        wrong = 0
        for finding in findings:
            self._tell("")
            self.stdout.write("\n".join(_lines(finding)))
            wrong += finding.is_wrong
        self.stdout.write(f"\n{_summary(wrong)}")
        return wrong

    def _as_json(self, findings: Iterable[Finding]) -> int:
        found = list(findings)
        self._tell("")
        wrong = sum(finding.is_wrong for finding in found)
        rows = [vars(finding) for finding in found]
        self.stdout.write(json.dumps({"healthy": not wrong, "findings": rows}, indent=2))
        return wrong

    def _tell(self, progress: str) -> None:
        """Show the progress on a terminal, in one line that the next overwrites."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{progress}", style_func=str, ending="")


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{_verdict(finding):<9}{finding.sentence}"
    if finding.count and finding.examples:
        more = finding.count - len(finding.examples)
        yield from (f"{_INDENT}{example}" for example in finding.examples)
        if more > 0:
            yield f"{_INDENT}and {more:,} more"
    if finding.mended:
        yield f"{_INDENT}repaired: {finding.mended:,} of {finding.count:,}"
    if finding.todo:
        yield f"{_INDENT}→ {finding.todo}"


def _verdict(finding: Finding) -> str:
    if finding.is_wrong:
        return "WRONG"
    if finding.mended:
        return "repaired"
    return "note" if finding.is_note else "ok"


def _summary(wrong: int) -> str:
    return f"Things that are wrong: {wrong}." if wrong else "Nothing is wrong."
