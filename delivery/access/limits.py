"""Limits: what a client may send, and what is refused with 429.

Each limit is taken by one conditional UPDATE, in the transaction that stores the emails: what is refused, or lost by a
crash, has cost nothing. The row stays locked until the commit, so that what waits can be counted. See
docs/decisions/0037.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import BigIntegerField, F, QuerySet, Value
from django.db.models.functions import Greatest

from delivery.access import usage
from delivery.access.terms import Account
from delivery.access.usage import Policy, Usage
from delivery.bundles import Bundle
from delivery.db.clock import IN_NANOSECONDS, Nanoseconds
from delivery.models import Email, Limits, UsedMinute

_HIGH: Final = Email.Priority.HIGH
_LATER: Final = 60  # seconds until a client should ask again where nobody knows when there is room


class Over(Exception):
    """A limit does not allow these emails now."""

    def __init__(self, policy: Policy, asked: int, seconds: int | None) -> None:
        """Say which limit; `seconds` until they fit, None if they never do."""
        super().__init__(_words(policy, asked, seconds))
        self.code, self.seconds = policy.code, seconds


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What some emails take of the limits."""

    emails: int
    recipients: int
    bytes: int
    high: int = 0  # of the recipients, those of high priority


def cost(bundles: Sequence[Bundle]) -> Cost:
    """Return what these emails take: everybody who was asked for counts, also who is suppressed."""
    return Cost(
        emails=len(bundles),
        recipients=sum(len(bundle.recipients) for bundle in bundles),
        bytes=sum(map(_size, bundles)),
        high=sum(len(bundle.recipients) for bundle in bundles if bundle.email.priority == _HIGH),
    )


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What some emails take, and of whose limits: accounts, each with its row."""

    cost: Cost
    accounts: tuple[tuple[Account, int], ...]


def room(accounts: Sequence[Account]) -> int | None:
    """Return how many emails of a mailing fit now, whatever their size; None: as many as you like.

    A tenth of each limit, one at least, is left to other mail: nobody's sign-in code is refused for a newsletter.
    """
    left = [
        max(0, policy.left - _reserve(policy.quota))
        for account in accounts
        for policy in usage.policies(account, usage.of(account))
        if policy.name.removeprefix(account.prefix) not in {"stored", "high-burst"}
    ]
    return min(left, default=None)


def ask(accounts: Sequence[Account], bundles: Sequence[Bundle]) -> Asked | None:
    """Raise Over before work is done for emails that do not fit; nothing is taken yet. None: there is no limit."""
    if not accounts or not bundles:
        return None
    asked = cost(bundles)
    return Asked(cost=asked, accounts=tuple((account, _ask(account, asked)) for account in accounts))


def take(asked: Asked | None) -> None:
    """Take all of it or raise Over; the caller holds the transaction, and stores the emails in it."""
    if asked:
        for account, row in asked.accounts:
            _take(account, row, asked.cost)


def _reserve(quota: int) -> int:
    """Return what mailings leave to other mail; a limit of one has nothing to share."""
    return min(max(1, quota // 10), quota - 1)


def _ask(account: Account, asked: Cost) -> int:
    used = usage.of(account)
    _heal(account, used)
    if refusal := _refusal(account, used, asked):
        raise refusal
    return used.row


def _take(account: Account, row: int, asked: Cost) -> None:
    rows, changes = _conditions(account, row, asked)
    if not rows.update(**changes):
        now = usage.of(account)
        raise _refusal(account, now, asked) or Over(usage.policies(account, now)[0], asked.recipients, 1)
    if account.terms.waiting:
        number = usage.count_waiting(account)
        if number + asked.emails > account.terms.waiting:
            raise _found(account, usage.of(account), "waiting_quota_exceeded", asked.emails, _LATER)
    if account.terms.daily:
        _note_minute(row, asked.recipients)


def _conditions(account: Account, row: int, asked: Cost) -> tuple[QuerySet[Limits], dict[str, Any]]:
    """Return the row, if what is asked fits, and what becomes of it."""
    terms, rows = account.terms, Limits.objects.filter(pk=row)
    # Stored bytes add up also while they are not limited, once they are counted; before, nothing changes.
    changes: dict[str, Any] = {"stored": F("stored") + asked.bytes}
    for rate in terms.rates:
        if recipients := terms.counted(rate, asked.recipients, asked.high):
            allowed = Nanoseconds() + _whole((rate.burst - recipients) * rate.interval)
            fits = {f"{rate.column}__lte": allowed}
            rows = rows.filter(**fits) if recipients <= rate.burst else rows.none()
            taken = _whole(recipients * rate.interval)
            changes[rate.column] = Greatest(F(rate.column), Nanoseconds()) + taken
    if terms.daily:
        rows = rows.filter(day_used__lte=terms.daily - asked.recipients)
        changes["day_used"] = F("day_used") + asked.recipients
    if terms.stored:
        rows = rows.filter(stored__lte=terms.stored - asked.bytes)
    return rows, changes


def _note_minute(row: int, recipients: int) -> None:
    """Add to the present minute by the database's clock; the row of limits is locked."""
    table = connection.ops.quote_name(UsedMinute._meta.db_table)
    now = IN_NANOSECONDS[connection.vendor]
    statement = (
        f"INSERT INTO {table} (limits_id, minute, recipients) VALUES (%s, {now} / 60000000000, %s) "  # noqa: S608 - ours
        f"ON CONFLICT (limits_id, minute) DO UPDATE SET recipients = {table}.recipients + excluded.recipients"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [row, recipients])


def _refusal(account: Account, used: Usage, asked: Cost) -> Over | None:
    """Return why it does not fit: the first policy that is short, with the time after which rate and day have room."""
    wanted = {
        "daily": asked.recipients,
        "waiting": asked.emails,
        "stored": asked.bytes,
        **{
            rate.name: account.terms.counted(rate, asked.recipients, asked.high)
            for rate in account.terms.rates
        },
    }
    for policy in usage.policies(account, used):
        if (number := wanted[policy.name.removeprefix(account.prefix)]) > policy.left:
            return Over(policy, number, _seconds(account, used, policy, number, asked))
    return None


def _seconds(account: Account, used: Usage, policy: Policy, number: int, asked: Cost) -> int | None:
    if number > policy.quota:
        return None
    known = usage.waits_for(account, used, asked.recipients, asked.high)
    if known is None or policy.window is not None:
        return known
    return max(known, _LATER)


def _found(account: Account, used: Usage, code: str, asked: int, seconds: int) -> Over:
    policy = next(one for one in usage.policies(account, used) if one.code == code)
    return Over(policy, asked, None if asked > policy.quota else seconds)


def _heal(account: Account, used: Usage) -> None:
    """Cut a debt that these limits cannot make: it is from before they were changed, or the clock was set back."""
    for rate in account.terms.rates:
        longest = rate.burst * rate.interval
        if usage.full_at(rate, used) > used.now + longest:
            most = Nanoseconds() + _whole(longest)
            rows = Limits.objects.filter(pk=used.row, **{f"{rate.column}__gt": most})
            rows.update(**{rate.column: most})


def _whole(number: int) -> Value:
    return Value(number, output_field=BigIntegerField())


def _size(bundle: Bundle) -> int:
    texts = len(bundle.email.text_body.encode()) + len(bundle.email.html_body.encode())
    return texts + sum(row.size for row in bundle.attachments)


_OF_WHAT: Final = {
    "rate_limited": "{quota:,} recipients at once",
    "daily_quota_exceeded": "{quota:,} recipients in 24 hours",
    "waiting_quota_exceeded": "{quota:,} emails that are not finished",
    "storage_quota_exceeded": "{quota:,} bytes of bodies and attachments that are kept",
}


def _words(policy: Policy, asked: int, seconds: int | None) -> str:
    whose = "This API key" if policy.name.startswith("key-") else "This API key's team"
    may = f"{whose} may have {_OF_WHAT[policy.code].format(quota=policy.quota)}; {asked:,} were asked for"
    if seconds is None:
        return f"{may}, which never fits. Ask for less in one request."
    return f"{may}, and {policy.left:,} are left. Try again in {seconds:,} s."
