"""What customers write: each letter has a subject, a text and recipients that no other has."""

import base64
import random
from datetime import UTC, datetime, timedelta
from typing import Any

LATER = (1.0, 3.0)  # seconds until a letter is to be sent that is not for now
_LARGE = 40_000  # bytes of a file
_FILES = {"file": 1.0, "batch": 0.1}  # how often a letter of this kind has one
_LINES = "Hello, this is a line of an ordinary letter to somebody.\n" * 15
_PARTS = ("Viele Grüße", "With kind regards", "Un cordial saludo, señora", "敬具")
_COPIES, _HIDDEN, _HTML = 0.3, 0.5, 0.3  # how often a letter has them


def written(dice: random.Random, name: str, subject: str, kind: str, policy: str) -> dict[str, Any]:
    """Return the fields of a letter; its name is unique, and its subject."""
    letter: dict[str, Any] = {
        "from_address": "faults@example.org",
        "to_addresses": _people(dice, f"person{name}", (1, 1, 2)),
        "subject": subject,
        "on_ambiguous": policy,
        "priority": dice.choice(("normal", "normal", "high")),
        **_copies(dice, name),
        **_bodies(dice, name),
    }
    if kind in {"later", "regretted"}:
        moment = datetime.now(UTC) + timedelta(seconds=dice.uniform(*LATER))
        letter["send_at"] = moment.isoformat()
    if dice.random() < _FILES.get(kind, 0.0):
        letter["attachments"] = [_file(dice, name) for _ in range(dice.choice((1, 1, 2)))]
    return letter


def _people(dice: random.Random, name: str, numbers: tuple[int, ...]) -> list[str]:
    return [f"{name}.{one}@example.org" for one in range(dice.choice(numbers))]


def _copies(dice: random.Random, name: str) -> dict[str, list[str]]:
    copies = _people(dice, f"copy{name}", (1, 1, 2)) if dice.random() < _COPIES else []
    hidden = _people(dice, f"hidden{name}", (1, 2)) if dice.random() < _HIDDEN else []
    return {k: v for k, v in (("cc_addresses", copies), ("bcc_addresses", hidden)) if v}


def _bodies(dice: random.Random, name: str) -> dict[str, str]:
    text = f"This is letter {name}, number {dice.getrandbits(64):x}.\n{_LINES}{dice.choice(_PARTS)}"
    if dice.random() < _HTML:
        return {
            "text_body": text,
            "html_body": f"<p>Letter {name}, {dice.getrandbits(64):x}: <b>grüezi</b></p>",
        }
    return {"body": text}


def _file(dice: random.Random, name: str) -> dict[str, str]:
    filename = f"{dice.choice(('order', 'Rechnung für'))} {name} {dice.getrandbits(32):x}.bin"
    return {"filename": filename, "content": base64.b64encode(dice.randbytes(_LARGE)).decode()}
