"""The documents, and the blocks of code in them."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<kind>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of code."""

    kind: str  # what stands behind the fence: `sh`, `sh sqlite`, nothing
    text: str  # without the indent of its list


def blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a document, in order."""
    return [
        Block(
            kind=found["kind"].strip(),
            text=re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
        )
        for found in _BLOCK.finditer(path.read_text())
    ]


def script(name: str, *kinds: str) -> str:
    """Return the blocks of these kinds of a document in docs/, as one script."""
    return "".join(block.text for block in blocks(ROOT / "docs" / name) if block.kind in kinds)
