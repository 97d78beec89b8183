"""How many bytes of bodies and attachments are kept: counted once for each account, then kept up to date."""

from collections import Counter
from typing import Any, Final

from django.db import transaction
from django.db.models import BigIntegerField, F, Func, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, Greatest

from delivery.models import Attachment, Email, Limits
from delivery.models.access import alike

Sizes = list[tuple[int | None, int | None, int]]  # team, key, bytes
_NOTHING: Final = Value(0, output_field=BigIntegerField())


class _Octets(Func):
    """The bytes of a text in UTF-8."""

    function = "OCTET_LENGTH"
    output_field = BigIntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        """Older versions of SQLite have no such function."""
        return self.as_sql(compiler, connection, template="LENGTH(CAST(%(expressions)s AS BLOB))")


def count_anew(row: int) -> None:
    """Count what the team or the key of this row keeps; nothing of theirs is taken meanwhile."""
    with transaction.atomic():
        limits = Limits.objects.select_for_update().get(pk=row)
        whose: dict[str, Any] = (
            {"key__in": alike(limits.key_id)} if limits.key_id else {"team": limits.team_id}
        )
        emails = Email.objects.order_by().filter(**whose)
        files = Attachment.objects.order_by().filter(**{f"email__{name}": pk for name, pk in whose.items()})
        kept = sum(number for *_, number in (*_bodies(emails), *_files(files)))
        Limits.objects.filter(pk=row).update(stored=kept)


def bodies_go(emails: QuerySet[Email]) -> None:
    """Count off the bodies of these emails, in the transaction that deletes them; a second time they count nothing."""
    count_off(bodies(emails))


def bodies(emails: QuerySet[Email]) -> Sizes:
    """Return what the bodies of these emails have, for `count_off` when they are gone; nothing where nobody counts."""
    return _bodies(emails.order_by()) if _is_counted() else []


def emails_go(emails: QuerySet[Email]) -> None:
    """Count off all that these emails keep, in the transaction that deletes them."""
    if _is_counted():
        files = Attachment.objects.order_by().filter(email__in=emails)
        count_off([*_bodies(emails.order_by()), *_files(files)])


def files_go(attachments: QuerySet[Attachment]) -> None:
    """Count off these attachments, in the transaction that forgets them."""
    if _is_counted():
        count_off(_files(attachments.order_by()))


def count_off(sizes: Sizes) -> None:
    """Count off what has gone, in the order in which every transaction locks these rows: the teams', then the keys'."""
    of_teams, of_keys = Counter[int](), Counter[int]()
    for team, key, size in sizes:
        of_teams.update({team: size} if team else {})
        of_keys.update({key: size} if key else {})
    for whose, kept in (("team", of_teams), ("key", of_keys)):
        for holder, size in sorted(kept.items()):
            rows = Limits.objects.filter(stored__isnull=False, **{whose: holder})
            rows.update(stored=Greatest(F("stored") - size, _NOTHING))


def _is_counted() -> bool:
    return Limits.objects.filter(stored__isnull=False).exists()


def _bodies(emails: QuerySet[Email]) -> Sizes:
    size = Sum(_Octets("text_body") + _Octets("html_body"))
    kept = emails.filter(body_pruned_at=None).values_list("team", Coalesce("key__limited_as", "key"))
    return list(kept.annotate(size=size))


def _files(attachments: QuerySet[Attachment]) -> Sizes:
    first = Coalesce("email__key__limited_as", "email__key")
    kept = attachments.filter(pruned_at=None).values_list("email__team", first)
    return list(kept.annotate(bytes=Sum("size")))
