"""How a breach is said: how many, what, and the first of them."""

from collections.abc import Iterable, Iterator


def listed(what: str, found: Iterable[str]) -> Iterator[str]:
    """Yield one sentence that names the first three; none if nothing was found."""
    all_found = list(found)
    if all_found:
        yield f"{len(all_found)} {what}: {', '.join(all_found[:3])}"


def counted(what: str, number: int) -> Iterator[str]:
    """Yield one sentence with the number, unless it is none."""
    if number:
        yield f"{number} {what}"
