"""Publishing: what a person wrote becomes a version that can be sent, or is refused with every fault that was found."""

import graphlib
import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from delivery.content import liquid_env, liquid_meter, mjml, template_sources, template_text, templates
from delivery.content.liquid_meter import Meter
from delivery.content.template_sources import Fault, Source, Unpublishable, Variable
from delivery.content.templates import Compiled

Find = Callable[[str], Source | None]  # a partial by its name
_CONTENT = re.compile(r"\{\{-?\s*content\s*-?\}\}")
_CALL = re.compile(r"""\{%-?\s*(?:render|include)\s+(?:"([^"]*)"|'([^']*)')\s*(,?[^%]*?)-?%\}""")
_DEEPEST: Final = 10  # partials of MJML in each other
_SCRIPTS = re.compile(
    r"<\s*+script\b|(?:href|src|action)\s*+=\s*+[\"']?\s*+(?:javascript:|vbscript:|data:text/html)"
    r"|<[a-z][^<>]*?(?:[\s/]|(?<=[^=\s][\"']))on[a-z]{3,20}\s*+=",  # behind a blank, a slash or a value
    re.IGNORECASE,
)
_REMOTE = re.compile(
    r"@import\b|<\s*link\b[^<>]*\bstylesheet|<\s*(?:iframe|object|embed|frame)\b"
    r"|<\s*meta\b[^<>]*\bhttp-equiv\s*+=\s*+[\"']?\s*+refresh",
    re.IGNORECASE,
)
# How a colon or a letter is written so that a browser reads it and nobody else.
_LINK = re.compile(r"(?:href|src|action)\s*+=\s*+(?:\"[^\"]*+\"?|'[^']*+'?|[^\s>]++)", re.IGNORECASE)
_UNREAD = re.compile(r"[\x00-\x20]")
_ESCAPED = re.compile(r"\\0{0,4}([2-7][0-9a-f])[ \t]?", re.IGNORECASE)


def compiled(
    source: Source,
    *,
    variables: tuple[Variable, ...] = (),
    layout: Source | None = None,
    find: Find = lambda name: None,
) -> Compiled:
    """Return what is sent of a template in its layout, with the partials it uses; raise Unpublishable."""
    made = loose(source, layout=layout, find=find)
    faults = list(dict.fromkeys([*_unsafe(made), *_undeclared(made, variables), *_empty(made)]))
    if faults:
        raise Unpublishable(faults)
    return made


def loose(source: Source, *, layout: Source | None = None, find: Find = lambda name: None) -> Compiled:
    """Return the same for a preview: whatever it uses, and if it is empty."""
    _refuse_sizes(source)
    html = _html(source, layout, find)
    text = _text(source, layout, html)
    made = Compiled(subject=source.subject, html=html, text=text, partials=_partials([html, text], find))
    for place, env in (("subject", liquid_env.TEXT), ("html", liquid_env.HTML), ("text", liquid_env.TEXT)):
        _parse(env, getattr(made, place), place, made.partials)
    return made


def part(source: Source, *, place: str, find: Find = lambda name: None) -> None:
    """Refuse a layout or a partial that no template could be published with; raise Unpublishable."""
    _refuse_sizes(source)
    if place == "layout" and not _CONTENT.search(source.html + source.mjml):
        message = "a layout says with {{ content }} where the template stands"
        raise Unpublishable(
            [Fault(code="no_content", place="mjml" if source.mjml else "html", message=message)]
        )
    html = source.html or (mjml.to_html(source.mjml) if place == "layout" else "")
    text = source.text or template_text.text_of(html)
    made = Compiled(subject="", html=html, text=text, partials=_partials([html, text], find))
    faults = list(dict.fromkeys(_unsafe(made)))
    for name, env in (("html", liquid_env.HTML), ("text", liquid_env.TEXT)):
        _parse(env, getattr(made, name), name, made.partials)
    if faults:
        raise Unpublishable(faults)


def used(compiled: Compiled) -> set[str]:
    """Return the paths of the data that a version reads, such as `customer.name`."""
    paths: set[str] = set()
    for place, env in (("subject", liquid_env.TEXT), ("html", liquid_env.HTML), ("text", liquid_env.TEXT)):
        found = _parse(env, getattr(compiled, place), place, compiled.partials)
        with liquid_meter.metered(Meter()) as meter:
            meter.partials = _parsed(env, compiled.partials)
            paths |= set(_told(found.global_variable_paths, place))
    return paths


def _html(source: Source, layout: Source | None, find: Find) -> str:
    if source.mjml:
        return mjml.to_html(_with_partials(_in_layout(source.mjml, layout, "mjml"), find))
    return _in_layout(source.html, layout, "html") if source.html else ""


def _in_layout(body: str, layout: Source | None, kind: str) -> str:
    if layout is None:
        return body
    frame = str(getattr(layout, kind))
    if not frame:
        message = f"the layout is not made of {kind.upper()}, and the template is"
        raise Unpublishable([Fault(code="wrong_layout", place="layout", message=message)])
    return _CONTENT.sub(lambda _: body, frame)


def _with_partials(document: str, find: Find) -> str:
    """Return MJML with the partials of MJML in their places; those of HTML are written with the email."""
    for _ in range(_DEEPEST):
        put = _CALL.sub(lambda call: _inside(call, find), document)
        if put == document:
            return document
        document = put
        _refuse_sizes(Source(mjml=document))
    raise Unpublishable([Fault(code="unknown_partial", place="mjml", message="partials are in each other")])


def _inside(call: re.Match[str], find: Find) -> str:
    found = find(call[1] or call[2])
    if found is None or not found.mjml:
        return call[0]
    if call[3].strip(" ,"):
        message = f"{call[0][:80]}: a partial of MJML takes no values"
        raise Unpublishable([Fault(code="unknown_partial", place="mjml", message=message)])
    return found.mjml


def _text(source: Source, layout: Source | None, html: str) -> str:
    if not source.text:
        return template_text.text_of(html)
    return _in_layout(source.text, layout, "text") if layout and layout.text else source.text


def _partials(parts: list[str], find: Find) -> Mapping[str, Mapping[str, str]]:
    """Return all partials that these parts name, and those that they name."""
    found: dict[str, Mapping[str, str]] = {}
    inner: dict[str, list[str]] = {}
    names = [name for part in parts for name in _named(part)]
    while names:
        name = names.pop()
        if name in found:
            continue
        source = find(name)
        if source is None or not (source.html or source.text):
            message = f"there is no published partial {name[:80]!a} of HTML"
            raise Unpublishable([Fault(code="unknown_partial", place="html", message=message)])
        text = source.text or template_text.text_of(source.html).rstrip("\n")
        found[name] = {"html": source.html or source.text, "text": text}
        inner[name] = [*_named(found[name]["html"]), *_named(text)]
        names += inner[name]
    _refuse_circles(inner)
    return found


def _refuse_circles(inner: Mapping[str, list[str]]) -> None:
    try:
        graphlib.TopologicalSorter(inner).prepare()
    except graphlib.CycleError as error:
        message = f"partials are in each other: {', '.join(error.args[1])[:120]}"
        raise Unpublishable([Fault(code="unknown_partial", place="html", message=message)]) from error


def _named(part: str) -> Iterator[str]:
    """Yield the names of the partials of one part."""
    yield from (call[1] or call[2] for call in _CALL.finditer(part))


def _refuse_sizes(source: Source) -> None:
    for place in ("subject", "html", "mjml", "text"):
        written = str(getattr(source, place))
        if len(written) > template_sources.LONGEST_SOURCE:
            message = f"has more than {template_sources.LONGEST_SOURCE:,} characters"
            raise Unpublishable([Fault(code="too_long", place=place, message=message)])
        template_sources.refuse_unclosed(written, place)
    if source.html and source.mjml:
        raise Unpublishable([Fault(code="invalid_value", place="mjml", message="stands instead of html")])


def _empty(made: Compiled) -> Iterator[Fault]:
    if not (made.html.strip() or made.text.strip()):
        yield Fault(code="empty", place="html", message="there is neither HTML nor text")


def _unsafe(made: Compiled) -> Iterator[Fault]:
    """Yield scripts and what is loaded from elsewhere; also where a tag in the middle of a word hides it."""
    for written in (made.html, *(part["html"] for part in made.partials.values())):
        ways = (written, template_sources.MARKUP.sub("", written), _as_browsers_read(written))
        yield from _found(_SCRIPTS, ways, "script", "mail programs run no scripts, and filters distrust them")
        yield from _found(_REMOTE, ways, "remote_import", "nothing is loaded from elsewhere in an email")


def _as_browsers_read(markup: str) -> str:
    """Return the HTML with its links without entities and blanks, and its styles without escapes."""
    links = _LINK.sub(lambda link: _plain(link[0]), markup)
    return _ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), links)


def _plain(link: str) -> str:
    """Return a link so; the lines that it takes stay as many."""
    return _UNREAD.sub("", html.unescape(link)) + "\n" * link.count("\n")


def _found(what: re.Pattern[str], ways: Iterable[str], code: str, why: str) -> Iterator[Fault]:
    """Yield the first of its kind, in the first of the ways to read the HTML that shows one."""
    for written in ways:
        if found := what.search(written):
            line = template_sources.lines(written, found.start())
            yield Fault(code=code, place="html", message=f"{found[0][:60]!a}: {why}", line=line)
            return


def _undeclared(made: Compiled, variables: tuple[Variable, ...]) -> Iterator[Fault]:
    for path in sorted(used(made)):
        if not template_sources.declared(variables, path):
            message = f"{path[:120]} is used and not declared"
            yield Fault(code="undeclared_variable", place="variables", message=message)


def _parse(env: Any, source: str, place: str, partials: Mapping[str, Mapping[str, str]]) -> BoundTemplate:
    """Return a part that has no fault of syntax; its filters and partials are known."""
    found: BoundTemplate = _told(lambda: env.from_string(source), place)
    with liquid_meter.metered(Meter()) as meter:
        meter.partials = _parsed(env, partials)
        filters = _told(found.filter_names, place)
    if unknown := sorted(set(filters) - set(env.filters)):
        message = f"there is no filter {', '.join(unknown)[:80]}"
        raise Unpublishable([Fault(code="template_syntax", place=place, message=message)])
    return found


def _parsed(env: Any, partials: Mapping[str, Mapping[str, str]]) -> Mapping[str, BoundTemplate]:
    kind = "html" if env is liquid_env.HTML else "text"
    return {
        name: _told(partial(env.from_string, part[kind], name=name), "html")
        for name, part in partials.items()
    }


def _told(do: Callable[[], Any], place: str) -> Any:
    """Return what this returns; raise Unpublishable where the library finds a fault."""
    try:
        return do()
    except (LiquidError, RecursionError, ValueError) as error:
        where = error.context() if isinstance(error, LiquidError) else None
        message = re.sub(r"^line \d+: ", "", templates.told(error))
        unknown = type(error).__name__ == "TemplateNotFoundError"
        code = "unknown_partial" if unknown else "template_syntax"
        raise Unpublishable(
            [Fault(code=code, place=place, message=message, line=where[0] if where else 0)]
        ) from error
