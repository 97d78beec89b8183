"""Content negotiation."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

_QUALITY: Final = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


class AlwaysJSON(DefaultContentNegotiation):
    """Parse what the view can parse; write its only format whatever Accept says, instead of answering 406."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the first renderer."""
        first = next(iter(renderers))
        return first, str(first.media_type)


class PreferAccepted(DefaultContentNegotiation):
    """Write the format that Accept asks for, or the first one instead of answering 406."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the best matching renderer."""
        try:
            found: tuple[BaseRenderer, str] = super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            first = next(iter(renderers))
            return first, str(first.media_type)
        return found


def prefers(accept: str, wanted: str, usual: str = "application/json") -> bool:
    """Tell whether an Accept header names a type, and not the usual one before or above it."""
    ranges = list(_ranges(accept))
    named = [each for each in ranges if each[0] == wanted and each[1] > 0]
    if not named:
        return False
    for kind in (usual, f"{usual.partition('/')[0]}/*", "*/*"):  # the closest says how much it is wanted
        if found := [each for each in ranges if each[0] == kind]:
            return _rank(named[0]) > _rank(found[0])
    return True


def _ranges(accept: str) -> Iterator[tuple[str, float, int]]:
    """Yield what is accepted: a type, how much it is wanted, and its place."""
    for place, each in enumerate(accept.lower().split(",")):
        kind, *parameters = (part.strip() for part in each.split(";"))
        said = [part.removeprefix("q=") for part in parameters if part.startswith("q=")]
        yield kind, _quality(said[0]) if said else 1.0, place


def _quality(said: str) -> float:
    return float(said) if _QUALITY.fullmatch(said) else 0.0


def _rank(of: tuple[str, float, int]) -> tuple[float, int]:
    _, quality, place = of
    return quality, -place
