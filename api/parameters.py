"""Query parameters: unknown ones are refused, so that a misspelt one is not silently ignored."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from api import hints
from api.errors import ContractError

_TRUTHS = {"true": True, "false": False}
OF_PAGES: Final = ("cursor", "page_size")
_ITSELF: Final = None  # the view knows them by itself, such as those of its filter


class Known(BaseThrottle):
    """Refuses a parameter that a view does not read, once the key is known to be allowed.

    A view says in `query` which it reads, by method; one that says nothing reads none, and a list with pages or a
    filter of its own refuses others by itself. `open_query`: strangers ask, and may add what they like.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """Raise ContractError for the first that is not read; a method that is not allowed is told so elsewhere."""
        known = _read_by(view, "GET" if request.method == "HEAD" else str(request.method))
        if known is not _ITSELF and request.method in view.allowed_methods:
            refuse_unknown(request.query_params, known)
        return True


def _read_by(view: Any, method: str) -> Iterable[str] | None:
    if getattr(view, "open_query", False):
        return _ITSELF
    said: Mapping[str, Iterable[str]] = getattr(view, "query", {})
    if method in said:
        return said[method]
    is_list = hasattr(view, "filterset_class") or "pagination_class" in _own(type(view))
    return _ITSELF if is_list and method == "GET" else ()


def _own(view: type) -> set[str]:
    """Return what the classes of a view say beyond those of REST framework."""
    return {
        name
        for each in view.__mro__
        if not each.__module__.startswith("rest_framework.")
        for name in vars(each)
    }


def refuse_unknown(parameters: Any, known: Iterable[str]) -> None:
    """Raise ContractError for an unknown parameter, or one given twice."""
    if errors := list(_unknown(parameters, list(known))):
        raise _invalid(errors)


def beside(request: Request, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form and the query say; raise ContractError for what both do."""
    if both := [name for name in request.query_params if name in said]:
        raise invalid(both[0], "duplicate_field", "is given in the form and in the query.")
    return {**said, **request.query_params.dict()}


def flag(request: Request, name: str) -> bool:
    """Return a boolean parameter; False if it is not given."""
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
            message = f"is not a parameter of this path.{hints.meant(name, known)}"
            yield {"field": name[:80], "code": "unknown_field", "message": message}
        elif len(values) > 1:
            yield {"field": name, "code": "duplicate_field", "message": "was given twice."}
