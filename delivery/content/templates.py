"""Templates: compiled when they are published, and written for one recipient after the other. No tables here.

A published version stands for itself: its layout and its partials are in it, so that nothing that is changed later
changes what was promised.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import css_inline
from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from delivery.content import links, liquid_env, liquid_meter, markup_bounds, template_sources
from delivery.content.liquid_meter import Meter
from delivery.content.template_sources import Variable

CLIPPED: Final = 102 * 1024  # bytes of HTML from which on Gmail hides the rest
LONGEST_SUBJECT: Final = 900
_STYLE = re.compile("<style", re.IGNORECASE)
_BREAKS = re.compile(r"[\r\n\u2028\u2029\x85\x0b\x0c]+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
UNSUBSCRIBE: Final = "{{ unsubscribe_url }}"  # put in by the message of each offer
_WRITTEN: Final = f"unsubscribe-{secrets.token_hex(16)}"  # the same while it is written: no data can say so
# Nothing is fetched: by default it would load whatever a <link> names, files of this machine, too.
_INLINER: Final = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
# What the library and Python raise where values do not fit what a template does with them.
_FAULTS: Final = (
    LiquidError,
    ArithmeticError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
)


class Unwritable(Exception):
    """The email cannot be written of what its client names: a template, variables, a signature."""


class Missing(Unwritable):
    """The data lacks what the template needs; `names` says what."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(f"The template needs what is not given: {', '.join(names)}.")


class Misfit(Unwritable):
    """Values are of another type than the template declares; `names` says which."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(f"The template takes values of another type for: {', '.join(names)}.")


class RenderFault(Unwritable):
    """The template cannot be written with this data."""


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """An email's subject and bodies."""

    subject: str
    html: str  # empty: plain text
    text: str


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What publishing makes of a version; it is stored, and needs nothing else."""

    subject: str
    html: str
    text: str
    partials: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # name: {html, text}


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Which version of which template it is; an email keeps that."""

    id: str = ""
    slug: str = ""
    version: int = 0
    locale: str = ""  # empty: the default


_NONE: Final = Reference()


@dataclass(frozen=True, kw_only=True)
class Published:
    """A version that can be sent, parsed. One may be used by many threads, and kept for as long as one likes."""

    reference: Reference
    variables: tuple[Variable, ...]
    subject: Any
    html: Any  # None: plain text
    text: Any
    partials: tuple[Mapping[str, BoundTemplate], Mapping[str, BoundTemplate]]  # for HTML, for text

    def render(self, data: Mapping[str, Any]) -> Rendered:
        """Return the email of this data. It takes at most a second, and raises Missing, Misfit or RenderFault."""
        rendered, missing, misfits = self.preview(data)
        if missing:
            raise Missing(missing)
        if misfits:
            raise Misfit(misfits)
        return rendered

    def preview(self, data: Mapping[str, Any]) -> tuple[Rendered, tuple[str, ...], tuple[str, ...]]:
        """Return the email as far as the data goes, what it lacks, and what has another type; raise RenderFault."""
        filled, missing, misfits, optional = _filled(self.variables, data)
        meter = Meter(optional)
        with liquid_meter.metered(meter):
            rendered = Rendered(
                subject=_subject(
                    self._write(self.subject, "subject", filled, meter).replace(_WRITTEN, UNSUBSCRIBE)
                ),
                html=_placed(_inlined(self._write(self.html, "html", filled, meter))) if self.html else "",
                text=_placed(self._write(self.text, "text", filled, meter)) if self.text else "",
            )
        return rendered, tuple(dict.fromkeys([*missing, *meter.missing])), misfits

    def _write(self, part: Any, place: str, data: Mapping[str, Any], meter: Meter) -> str:
        meter.partials = self.partials[place != "html"]
        try:
            return str(part.written(data))
        except _FAULTS as error:
            raise RenderFault(f"{place}: {told(error)}") from error


def parsed(
    compiled: Compiled, variables: tuple[Variable, ...] = (), reference: Reference = _NONE
) -> Published:
    """Return a compiled version ready to be written."""
    html, text = liquid_env.HTML, liquid_env.TEXT
    return Published(
        reference=reference,
        variables=variables,
        subject=text.from_string(compiled.subject),
        html=html.from_string(compiled.html) if compiled.html else None,
        text=text.from_string(compiled.text) if compiled.text else None,
        partials=(
            {name: html.from_string(part["html"], name=name) for name, part in compiled.partials.items()},
            {name: text.from_string(part["text"], name=name) for name, part in compiled.partials.items()},
        ),
    )


def told(error: BaseException) -> str:
    """Return an error of a template in one line, with the line it is in."""
    if not isinstance(error, LiquidError):
        return f"{type(error).__name__}: {error}"[:200]
    message = str(error.message or type(error).__name__)[:200]
    where = error.context() if error.token is not None and error.token.source else None
    return f"line {where[0]}: {message}" if where else message


def warnings(rendered: Rendered) -> list[str]:
    """Return what a person should know of an email before it is sent."""
    size = len(rendered.html.encode())
    found = [f"The HTML has {size // 1024} KB; Gmail cuts it off at 102 KB."] if size > CLIPPED else []
    return found + ([] if rendered.subject else ["The subject is empty."])


def _filled(
    variables: tuple[Variable, ...], data: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str], tuple[str, ...], frozenset[str]]:
    """Return the data with defaults, what is missing, what has another type, and what may be absent."""
    filled: dict[str, Any] = {"unsubscribe_url": _WRITTEN, **data}
    missing, misfits, optional = [], [], []
    for variable in variables:
        value = template_sources.dig(data, variable.name)
        if value is not None:
            misfits += [] if variable.fits(value) else [variable.name]
        elif variable.default is not None or not variable.required:
            template_sources.put(filled, variable.name, variable.default)
            optional += [variable.name] if variable.default is None else []
        else:
            missing.append(variable.name)
            root = variable.name.partition(".")[0]
            optional += (
                [] if data.get(root) else [root]
            )  # it is not named beside its parts, nor they beside it
    return filled, missing, tuple(misfits), frozenset(optional)


def _placed(written: str) -> str:
    """Return a body with the place of the link where the template has it, and only there."""
    return links.kept_apart(written).replace(_WRITTEN, UNSUBSCRIBE)


def _subject(written: str) -> str:
    """Return a subject in one line. Raises RenderFault for what no header may hold."""
    lines = [line.strip(" ") for line in _BREAKS.split(written.replace("\t", " "))]
    subject = " ".join(line for line in lines if line)
    if found := _CONTROL.search(subject):
        raise RenderFault(f"subject: it holds the control character U+{ord(found[0]):04X}")
    if len(subject) > LONGEST_SUBJECT:
        raise RenderFault(f"subject: it has more than {LONGEST_SUBJECT} characters")
    return subject


def _inlined(html: str) -> str:
    """Return the HTML with its styles at its elements, where mail programs read them."""
    if not _STYLE.search(html):
        return html
    try:
        markup_bounds.refuse_html(html)
        return _INLINER.inline(html)
    except ValueError as error:  # TooDeep and css_inline.InlineError are such
        raise RenderFault(f"html: {error}") from error
