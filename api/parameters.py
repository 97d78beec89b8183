"""Query parameters: unknown ones are refused, so that a misspelt one is not silently ignored."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from rest_framework.request import Request

from api.errors import ContractError

_TRUTHS = {"true": True, "false": False}


def refuse_unknown(parameters: Any, known: Iterable[str]) -> None:
    """Raise ContractError for an unknown parameter, or one given twice."""
    if errors := list(_unknown(parameters, list(known))):
        raise _invalid(errors)


def flag(request: Request, name: str) -> bool:
    """Return a boolean parameter, the only one of its path; False if it is not given."""
    refuse_unknown(request.query_params, [name])
    given = request.query_params.get(name, "false")
    if given not in _TRUTHS:
        raise invalid(name, "invalid_choice", "must be true or false.")
    return _TRUTHS[given]


def invalid(name: str, code: str, message: str) -> ContractError:
    """Return the error of one parameter."""
    return _invalid([{"field": name, "code": code, "message": message}])


def _invalid(errors: list[dict[str, str]]) -> ContractError:
    return ContractError("invalid", f"{errors[0]['field']}: {errors[0]['message']}", errors)


def _unknown(parameters: Any, known: list[str]) -> Iterator[dict[str, str]]:
    for name, values in parameters.lists():
        if name not in known:
            close = difflib.get_close_matches(name[:80], known, 1)
            hint = f" Did you mean {close[0]}?" if close else ""
            message = f"is not a parameter of this path.{hint}"
            yield {"field": name[:80], "code": "unknown_field", "message": message}
        elif len(values) > 1:
            yield {"field": name, "code": "duplicate_field", "message": "was given twice."}
