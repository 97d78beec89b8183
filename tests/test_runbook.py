"""docs/runbook.md names buttons, commands and fields that there are."""

import re

from tests.paths import ROOT

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()


def test_every_button_is_one_of_the_admin() -> None:
    pages = [*(ROOT / "delivery" / "admin").rglob("*.py"), *(ROOT / "delivery" / "templates").rglob("*.html")]
    admin = "\n".join(path.read_text() for path in pages)
    named = {re.sub(r"\s+", " ", name) for name in re.findall(r"\*([A-Z][a-z ]+…)\*", RUNBOOK)}
    assert len(named) >= 3
    assert {name for name in named if name not in admin and name.removesuffix("…") not in admin} == set()


def test_every_command_is_one_of_this_version() -> None:
    commands = {path.stem for path in (ROOT / "delivery" / "management" / "commands").glob("*.py")}
    named = set(re.findall(r"manage\.py ([a-z_]+)", RUNBOOK)) - {"migrate"}
    assert len(named) > 10
    assert named - commands == set()


def test_every_trouble_it_names_is_one_that_alerts_tell_of() -> None:
    told = set(re.findall(r"^### ([a-z]+)$", (ROOT / "docs" / "alerts.md").read_text(), re.MULTILINE))
    named = set(re.findall(r"[Ii]ncident \*([a-z]+)\*", re.sub(r"\s+", " ", RUNBOOK)))
    assert len(named) > 8
    assert named - told == set()
