"""Templates, layouts and partials: made, changed, published, and found for an email."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max, ProtectedError, QuerySet

from delivery.access import audit
from delivery.content import locales, publishing, templates
from delivery.content.template_sources import Fault, Source, Unpublishable, Variable
from delivery.content.templates import Compiled, Published, Reference, Unwritable
from delivery.db import clock
from delivery.library import kept
from delivery.models import Mailing, Team, Template, TemplateVersion

MOST: Final = 2_000  # templates, layouts and partials of a team
MOST_VERSIONS: Final = 1_000  # of one
# One that reads as an id would never be found by its name.
SLUG: Final = re.compile(r"(?!(?:-*[0-9a-f]){32}-*$)[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_Kind = Template.Kind
_IN_USE: Final = {
    _Kind.LAYOUT.value: "Templates are made with this layout.",
    _Kind.TEMPLATE.value: "Mailings are written with this template.",
}


class Unknown(Unwritable):
    """The team has no template of this name, or no published version of it that fits."""


class SlugTaken(Exception):
    """The team has another one of this kind with this slug."""


class InUse(Exception):
    """A layout that versions name cannot be deleted; a published version, or one of a mailing, cannot be changed."""


class ChangedMeanwhile(Exception):
    """Somebody else has changed the draft since it was read."""


class TooMany(Exception):
    """There are as many as a team may have."""


def of(team: Team | None, kind: str = _Kind.TEMPLATE) -> QuerySet[Template]:
    """Return the templates of a team, its layouts, or its partials; None: of those without a key."""
    return Template.objects.filter(team=team, kind=kind)


def find(team: Team | None, ref: str, kind: str = _Kind.TEMPLATE) -> Template | None:
    """Return a template by its id or its slug."""
    return of(team, kind).filter(**_named(ref)).first()


def create(team: Team | None, *, kind: str = _Kind.TEMPLATE, name: str, slug: str) -> Template:
    """Return a new template without a version; raise SlugTaken or TooMany."""
    if Template.objects.filter(team=team).count() >= MOST:
        raise TooMany
    try:
        with transaction.atomic():
            made = Template.objects.create(team=team, kind=kind, name=name, slug=slug, created_at=clock.now())
            _record("created", made, after={"name": name, "slug": slug})
    except IntegrityError as error:
        raise SlugTaken from error
    return made


def change(template: Template, **fields: str) -> None:
    """Change the name or the slug; raise SlugTaken."""
    try:
        with transaction.atomic():
            Template.objects.filter(pk=template.pk).update(**fields)
            _record("changed", template, before=audit.values(template, fields), after=fields)
    except IntegrityError as error:
        raise SlugTaken from error
    for name, value in fields.items():
        setattr(template, name, value)
    forget()


def delete(template: Template) -> None:
    """Delete a template with its versions; emails that were written with it stay. Raises InUse."""
    try:
        with transaction.atomic():
            _record("deleted", template, before=audit.values(template, ("name", "slug")))
            template.delete()
    except ProtectedError as error:
        raise InUse(_IN_USE[template.kind]) from error
    forget()


def add_version(template: Template, **fields: Any) -> TemplateVersion:
    """Return a new draft; raise TooMany."""
    now = clock.now()
    with transaction.atomic():
        Template.objects.select_for_update().get(pk=template.pk)
        last = template.versions.aggregate(last=Max("number"))["last"] or 0
        if last >= MOST_VERSIONS:
            raise TooMany
        _record("changed", template, after={"draft": last + 1})
        return TemplateVersion.objects.create(
            template=template, number=last + 1, created_at=now, changed_at=now, **fields
        )


def change_version(version: TemplateVersion, **fields: Any) -> None:
    """Change a draft; raise InUse for a published version."""
    fields["changed_at"] = clock.now()
    drafts = TemplateVersion.objects.filter(pk=version.pk, published_at=None)
    with transaction.atomic():
        if not drafts.update(**fields):
            raise InUse("A published version stays as it is; make a new one.")
        _record("changed", version.template, after={"draft": version.number})
    for name, value in fields.items():
        setattr(version, name, value)


def delete_version(version: TemplateVersion) -> None:
    """Delete a draft; raise InUse for a published version."""
    with transaction.atomic():
        deleted, _ = TemplateVersion.objects.filter(pk=version.pk, published_at=None).delete()
        if not deleted:
            raise InUse("A published version is kept: emails name it.")
        _record("changed", version.template, before={"draft": version.number})


def publish(version: TemplateVersion) -> None:
    """Make this version the one that is sent in its language, with its layout and partials as they are now.

    Raises Unpublishable, ChangedMeanwhile or InUse. The one before stays published, and may be published again.
    """
    made, now = compiled(version), clock.now()
    with transaction.atomic():
        Template.objects.select_for_update().get(pk=version.template_id)
        _refuse_under_way(version, made)
        kept.keep(version, made)
        versions = TemplateVersion.objects.filter(template=version.template_id, locale=version.locale)
        versions.filter(is_current=True).exclude(pk=version.pk).update(is_current=False)
        same = versions.filter(pk=version.pk, changed_at=version.changed_at)
        if not same.update(is_current=True, published_at=now, compiled=made):
            raise ChangedMeanwhile
        _record("published", version.template, after={"version": version.number, "locale": version.locale})
    version.is_current, version.published_at, version.compiled = True, now, made
    forget()


def _refuse_under_way(version: TemplateVersion, made: Mapping[str, Any]) -> None:
    """Raise InUse if a mailing that was started goes on with this version, and it would become another one."""
    if not kept.is_another(version, made):
        return
    started = Mailing.objects.filter(template=version.template_id, state__in=Mailing.UNCHANGED)
    for mailing in started.only("name", "content"):
        if str(version.pk) in mailing.content.values():
            raise InUse(
                f"The mailing “{mailing.name}” goes on with this version. Make a new version, and publish that."
            )


def compiled(version: TemplateVersion) -> dict[str, Any]:
    """Return what publishing makes of a version now; raise Unpublishable."""
    parts = _Parts(version)
    kind = version.template.kind
    if kind != _Kind.TEMPLATE:
        publishing.part(source(version), place=kind, find=parts.partial_of_partial)
        return {"made_of": parts.used}
    made = publishing.compiled(
        source(version), variables=variables(version), layout=parts.layout(), find=parts.partial
    )
    return {**asdict(made), "made_of": parts.used}


def ready(version: TemplateVersion, made: Mapping[str, Any]) -> Published:
    """Return a version, as it was compiled, ready to be written."""
    parts = Compiled(**kept.words(made))
    reference = Reference(
        id=str(version.template_id),
        slug=version.template.slug,
        version=version.number,
        locale=version.locale,
    )
    return templates.parsed(parts, variables(version), reference)


def resolve(team: Team | None, ref: str, locale: str = "") -> Published:
    """Return the version of a template that is sent in a language, or in the closest that there is; raise Unknown.

    A version that another process publishes is known after a second.
    """
    current = _current(team.pk if team else None, ref, int(time.monotonic()))
    for candidate in locales.candidates(locale):
        if candidate in current:
            return _published(*current[candidate])
    raise Unknown(f"There is no published template {ref[:80]!a}{f' for {locale}' if locale else ''}.")


def forget() -> None:
    """Let this process look anew: it has changed something."""
    _current.cache_clear()


def is_stale(version: TemplateVersion) -> bool:
    """Tell whether a layout or a partial has another version now than this one was published with."""
    used = (version.compiled or {}).get("made_of", [])
    return TemplateVersion.objects.filter(pk__in=used, is_current=True).count() < len(used)


def partials_of(version: TemplateVersion) -> Callable[[str], Source | None]:
    """Return what finds the partials of a version in its language."""
    return _Parts(version).partial


def source(version: TemplateVersion) -> Source:
    """Return the parts of a version as they were written."""
    return Source(subject=version.subject, html=version.html, mjml=version.mjml, text=version.text)


def variables(version: TemplateVersion) -> tuple[Variable, ...]:
    """Return the variables that a version declares."""
    return tuple(Variable(**each) for each in version.variables)


def _record(verb: str, template: Template, **states: Any) -> None:
    audit.record(f"{template.kind}.{verb}", template.kind, template.pk, team=template.team_id, **states)


class _Parts:
    """The layout and the partials of a version in its language, and which versions of them those are."""

    def __init__(self, version: TemplateVersion) -> None:
        self._version = version
        self.used: list[str] = []

    def layout(self) -> Source | None:
        if self._version.layout is None:
            return None
        found = self._current(self._version.layout.slug, _Kind.LAYOUT)
        if found is None:
            message = "the layout is not published"
            raise Unpublishable([Fault(code="unknown_layout", place="layout", message=message)])
        return found

    def partial(self, name: str) -> Source | None:
        return self._current(name, _Kind.PARTIAL)

    def partial_of_partial(self, name: str) -> Source | None:
        """Return the same; of the partial itself the version that is about to be published."""
        own = self._version.template
        is_own = (own.kind, own.slug) == (_Kind.PARTIAL, name)
        return source(self._version) if is_own else self.partial(name)

    def _current(self, slug: str, kind: str) -> Source | None:
        rows = TemplateVersion.objects.filter(
            template__team=self._version.template.team_id,
            template__kind=kind,
            template__slug=slug,
            is_current=True,
        )
        by_locale = {row.locale: row for row in rows}
        for candidate in locales.candidates(self._version.locale):
            if found := by_locale.get(candidate):
                self.used += [str(found.pk)] if str(found.pk) not in self.used else []
                return source(found)
        return None


def _named(ref: str) -> dict[str, Any]:
    try:
        return {"pk": UUID(ref)}
    except ValueError:
        return {"slug": ref}


@lru_cache(maxsize=1024)  # a mailing asks once, a client for each email
def _current(team: int | None, ref: str, second: int) -> Mapping[str, tuple[UUID, datetime, str]]:
    """Return the current versions of a template by their language."""
    named = {f"template__{name}": value for name, value in _named(ref).items()}
    rows = TemplateVersion.objects.filter(
        template__team=team, template__kind=_Kind.TEMPLATE, is_current=True, **named
    )
    found = rows.values_list("locale", "pk", "published_at", "template__slug")
    return {locale: (pk, at, slug) for locale, pk, at, slug in found if at is not None}


@lru_cache(maxsize=128)
def _published(pk: UUID, at: datetime, slug: str) -> Published:
    """Return one version, parsed. What was published at a moment never changes, so it is kept."""
    version = TemplateVersion.objects.select_related("template").get(pk=pk)
    return ready(version, version.compiled or {})
