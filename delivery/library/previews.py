"""Previews: a version as it would be sent, published or not, with what is wrong with it instead of an error."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from delivery.content import links, publishing, template_sources
from delivery.content import templates as content
from delivery.content.template_sources import Fault, Source, Unpublishable
from delivery.content.templates import UNSUBSCRIBE, Compiled, Rendered, RenderFault
from delivery.library import templates
from delivery.models import Template, TemplateVersion

NOTHING = Rendered(subject="", html="", text="")


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What would be sent, and what is wrong with it."""

    rendered: Rendered = NOTHING
    missing: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def size(self) -> int:
        """Return the bytes of the HTML."""
        return len(self.rendered.html.encode())


def of(version: TemplateVersion, data: Mapping[str, Any]) -> Preview:
    """Return a version with this data: as it was published, or as it would be."""
    try:
        made = version.compiled if version.published_at else templates.compiled(version)
        return _written(version, made or {}, data)
    except Unpublishable as refused:
        return Preview(faults=tuple(refused.faults))
    except RenderFault as fault:
        place, _, message = str(fault).partition(": ")
        return Preview(faults=(Fault(code="render_failed", place=place, message=message),))


def _written(version: TemplateVersion, made: Mapping[str, Any], data: Mapping[str, Any]) -> Preview:
    if version.template.kind != Template.Kind.TEMPLATE:
        return _alone(version, data)
    rendered, missing, invalid = templates.ready(version, made).preview(data)
    parts = Compiled(**{name: made[name] for name in ("subject", "html", "text", "partials")})
    return Preview(
        rendered=_shown(rendered),
        missing=missing,
        invalid=invalid,
        unused=_unused(version, parts),
        warnings=tuple(content.warnings(rendered)),
    )


def _alone(version: TemplateVersion, data: Mapping[str, Any]) -> Preview:
    """Return a layout around an example, or a partial by itself."""
    written = templates.source(version)
    if version.template.kind == Template.Kind.LAYOUT:
        body = Source(
            html="<p>The template stands here.</p>" if written.html else "",
            mjml="<mj-section><mj-column><mj-text>The template stands here.</mj-text></mj-column></mj-section>"
            if written.mjml
            else "",
        )
        made = publishing.loose(body, layout=written, find=templates.partials_of(version))
    elif written.mjml:
        frame = (
            "<mjml><mj-body><mj-section><mj-column>{{ content }}</mj-column></mj-section></mj-body></mjml>"
        )
        made = publishing.loose(written, layout=Source(mjml=frame), find=templates.partials_of(version))
    else:
        made = publishing.loose(written, find=templates.partials_of(version))
    rendered, missing, _ = content.parsed(made, templates.variables(version)).preview(data)
    return Preview(rendered=_shown(rendered), missing=missing)


def _shown(rendered: Rendered) -> Rendered:
    """Return it as people read it, with the place of the link to unsubscribe."""
    html, text = (
        links.put_into_html(rendered.html, UNSUBSCRIBE),
        links.put_into_text(rendered.text, UNSUBSCRIBE),
    )
    return replace(rendered, html=html, text=text)


def _unused(version: TemplateVersion, parts: Compiled) -> tuple[str, ...]:
    used = publishing.used(parts)
    names = [variable.name for variable in templates.variables(version)]
    return tuple(name for name in names if not any(template_sources.concerns(name, path) for path in used))
