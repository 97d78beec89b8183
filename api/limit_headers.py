"""The headers that say what is left of a client's limits; see docs/limits.md.

`RateLimit-Policy` and `RateLimit` are those of the IETF's draft (draft-ietf-httpapi-ratelimit-headers-10): q the quota,
w its window in seconds, qu its unit, r what is left, t the seconds until more is left. `ratelimit-limit`, `-remaining`
and `-reset` are the older form, of the policy of which the smallest part is left.
"""

from collections.abc import Iterable, Sequence

from delivery.access.usage import Policy


def of(found: Sequence[Policy]) -> dict[str, str]:
    """Return the headers for these limits."""
    tightest = min(found, key=lambda policy: policy.left / policy.quota)
    older = {"ratelimit-limit": str(tightest.quota), "ratelimit-remaining": str(tightest.left)}
    if tightest.more_in is not None:
        older["ratelimit-reset"] = str(tightest.more_in)
    return {
        "RateLimit-Policy": _list(f'"{one.name}";q={one.quota}{_unit(one)}{_window(one)}' for one in found),
        "RateLimit": _list(f'"{one.name}";r={one.left}{_more(one)}' for one in found),
        **older,
    }


def _list(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _unit(policy: Policy) -> str:
    return f';qu="{policy.unit}"' if policy.unit else ""


def _window(policy: Policy) -> str:
    return f";w={policy.window}" if policy.window else ""


def _more(policy: Policy) -> str:
    return f";t={policy.more_in}" if policy.more_in is not None else ""
