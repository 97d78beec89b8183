"""Liquid for templates that strangers write: everything is bounded, and what is missing is noted.

python-liquid's own limits end at filters and ranges: `{{ (1..10000000) | join }}` would run for a minute. So ranges,
what goes into a filter and what comes out of one are bounded here, loops are counted over the whole rendering, and each
step asks whether the second of processor time is over. A step that has begun is not interrupted; each is short.
"""

from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any, Final, TextIO

from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import TemplateNotFoundError
from liquid.loader import BaseLoader, TemplateSource
from liquid.output import LimitedStringIO

from delivery.content import liquid_filters, liquid_meter, liquid_text
from delivery.content.liquid_meter import Missing, TooMuch

LONGEST_RANGE: Final = 10_000
LONGEST_OUTPUT: Final = 1_000_000  # bytes
_MOST_NAMES = 200  # that one template assigns


def _buffer(limit: int) -> StringIO:
    """Return a buffer that keeps line ends as they are."""
    return LimitedStringIO(limit=limit, newline="")


class _Context(RenderContext):
    """Counts loops over the whole rendering, and asks for the time at each step into something."""

    __slots__ = ()

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Take the turns of this loop, each time that it is begun."""
        liquid_meter.of_thread().take(length)

    def loop(self, namespace: Any, forloop: Any) -> Any:
        """Ask for the time at each turn."""
        forloop.it = _ticking(forloop.it)
        return super().loop(namespace, forloop)

    def extend(self, namespace: Any, template: BoundTemplate | None = None) -> Any:
        """Ask for the time before a partial or a block."""
        liquid_meter.of_thread().tick()
        return super().extend(namespace, template)

    def copy(self, *args: Any, **kwargs: Any) -> RenderContext:
        """Ask for the time before a partial with a scope of its own."""
        liquid_meter.of_thread().tick()
        return super().copy(*args, **kwargs)

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        """Return a buffer for a block; what the one around it holds counts, too."""
        return _buffer(LONGEST_OUTPUT - (buf.size if isinstance(buf, LimitedStringIO) else 0))

    def assign(self, key: str, val: Any) -> None:
        """Refuse more names than a template needs: each may hold a long text."""
        if len(self.locals) >= _MOST_NAMES:
            raise TooMuch(f"it assigns more than {_MOST_NAMES} names", token=None)
        self.locals[key] = val


class _Template(BoundTemplate):
    """A parsed template, rendered in our context."""

    context_class = _Context

    def _get_buffer(self) -> StringIO:
        return _buffer(LONGEST_OUTPUT)

    def written(self, data: Mapping[str, object]) -> str:
        """Return it with this data, on the meter of the thread."""
        buffer = self._get_buffer()
        self.render_with_context(_Context(self, globals=data), buffer)
        return buffer.getvalue()


class _Partials(BaseLoader):
    """The partials of the email that this thread renders."""

    def load(self, env: Environment, name: str, **_: Any) -> BoundTemplate:
        """Return a partial."""
        try:
            found: BoundTemplate = liquid_meter.of_thread().partials[name]
        except KeyError:
            raise TemplateNotFoundError(name) from None
        return found

    def get_source(self, env: Environment, template_name: str, **_: Any) -> TemplateSource:
        """Refuse: partials are parsed before."""
        raise TemplateNotFoundError(template_name)


class _Environment(Environment):
    template_class = _Template
    output_stream_limit = LONGEST_OUTPUT
    logical_not_operator = True
    logical_parentheses = True

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(undefined=Missing, autoescape=autoescape, loader=_Partials())
        if not autoescape:  # a text without HTML has nothing to escape; the text part is made of the HTML
            self.filters.update(liquid_text.FILTERS)
            self.add_tag(liquid_text.Tablerow)
        for name, inner in self.filters.items():
            self.filters[name] = liquid_filters.bounded(name, inner)


def _ticking(turns: Iterator[Any]) -> Iterator[Any]:
    for turn in turns:
        liquid_meter.of_thread().tick()
        yield turn


def _short_range(self: RangeLiteral, start: Any, stop: Any) -> range:
    found = _make_range(self, start, stop)
    if found.stop - found.start > LONGEST_RANGE:
        raise TooMuch(f"a range has more than {LONGEST_RANGE:,} numbers", token=self.token)
    return found


# The library makes ranges in one place, and offers no way to make them otherwise.
_make_range = RangeLiteral._make_range
RangeLiteral._make_range = _short_range  # type: ignore[method-assign]

HTML: Final = _Environment(autoescape=True)
TEXT: Final = _Environment(autoescape=False)  # for subjects, too
