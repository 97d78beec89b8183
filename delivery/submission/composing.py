"""Composing: what an email names is written out once, when it is taken. What is taken does not change any more."""

import time
from dataclasses import asdict, replace
from typing import Final

from delivery.content import links
from delivery.content.drafts import Draft, FromTemplate
from delivery.content.templates import Missing, RenderFault
from delivery.library import signatures, templates
from delivery.models import Group, Team

_SECONDS: Final = 20.0  # of the processor, for the templates of one request: a batch has a thousand


def deadline() -> float:
    """Return until when the templates of a request may be written, by this thread's time on the processor."""
    return time.thread_time() + _SECONDS


def composed(
    draft: Draft, team: Team | None, until: float | None = None, *, group: Group | None = None
) -> Draft:
    """Return the draft with its template written out and its signatures; raise templates.Unwritable.

    Others cost no statement. The group is the one that a mailing goes to.
    """
    written = _written(draft, draft.template, team, until) if draft.template else draft
    return signatures.put_under(written, team, group)


def _written(draft: Draft, asked: FromTemplate, team: Team | None, until: float | None) -> Draft:
    if until is not None and time.thread_time() > until:
        raise RenderFault(f"The templates of one request may take {_SECONDS:.0f} seconds; these take more.")
    published = templates.resolve(team, asked.template, asked.locale)
    rendered = published.render(asked.variables)
    if not draft.unsubscribe and links.has_place(rendered.html, rendered.text):
        raise Missing(("unsubscribe_url",))
    return replace(
        draft,
        template=None,
        written_with=asdict(published.reference),
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
    )
