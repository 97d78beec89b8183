"""The only place where exceptions become answers, in the API's format."""

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from api import absence, error_codes, no_room
from delivery.access import key_changes, key_rules, keys, members
from delivery.access.leaving import Leaving
from delivery.access.limits import Over
from delivery.access.pauses import NotYours, Paused
from delivery.access.reads import TooMany
from delivery.audience import contacts, groups, imports
from delivery.audience.questions import NotTaken, Question
from delivery.content.links import NotSetUp
from delivery.content.template_sources import Unpublishable
from delivery.content.templates import Misfit, Missing, RenderFault, Unwritable
from delivery.db import outages
from delivery.db.outages import AWAY
from delivery.events import posts
from delivery.files.refused import FileRefused
from delivery.library import signatures, templates
from delivery.mailings import rules
from delivery.mailings import states as mailings
from delivery.mailings.content import NotReady
from delivery.routing.configured import NobodyCanCarry
from delivery.sending.suppressed import AllSuppressed
from delivery.submission import backpressure, changes, idempotency, resending
from delivery.webhooks import endpoints, post
from providers.events import CannotVerify

RETRY_AFTER = no_room.RETRY_AFTER
EMPTY_OR_INVALID_TO = "Empty or invalid to_addresses"
_MOST_ERRORS = 20
_LONGEST_MESSAGE = 300
# The frameworks' codes, and ours for the same errors.
_OURS = {"null": "required", "invalid": "invalid_value", "null_characters_not_allowed": "control_character"}
_EMPTY_OR_INVALID = frozenset({"required", "empty", "invalid_address", "wrong_type", "invalid_json"})
log = logging.getLogger(__name__)


class ContractError(exceptions.APIException):
    """An error code of the registry, optionally with a more specific message."""

    def __init__(
        self,
        code: str,
        message: str = "",
        errors: list[dict[str, str]] | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        """Take the status from the registry; `more` is what the answer holds beside the usual."""
        self.more = more or {}
        self.code = code
        self.message = message or error_codes.REQUEST[code].meaning
        self.errors = errors or []
        self.status_code = error_codes.REQUEST[code].status
        super().__init__(self.message, code)


def shape(error: ContractError) -> dict[str, Any]:
    """Return the body of an error answer."""
    told = {"success": False, "message": error.message, "code": error.code, "errors": error.errors}
    return {**told, **error.more}


def answer(exc: Exception, context: dict[str, Any]) -> Response:
    """Answer an exception of a view; REST framework calls this."""
    from rest_framework.views import set_rollback  # not before: it loads our parsers, which load this module

    error = translated(exc)
    if error.code == "unsupported_content_type" and isinstance(exc, exceptions.UnsupportedMediaType):
        error = _not_read(context["request"].content_type or "", context["view"].parser_classes)
    _log(error, exc, context["request"].path)
    set_rollback()
    context["request"].accepted_renderer = JSONRenderer()  # also for views that render pages
    context["request"].accepted_media_type = JSONRenderer.media_type
    return Response(shape(error), status=error.status_code, headers=_headers(error, exc, context))


def _log(error: ContractError, exc: Exception, path: str) -> None:
    if isinstance(exc, AWAY):
        outages.report("requests are answered 503", exc)
    elif (
        error.status_code >= 500 and error.code != "overloaded"
    ):  # no fault, and at that moment there are many
        log.error("%s while answering %s", error.code, path, exc_info=exc)


def translated(exc: Exception) -> ContractError:
    """Return the error code for an exception."""
    if isinstance(exc, ContractError):
        return exc
    if isinstance(exc, post.Forbidden):
        exc = exceptions.ValidationError({"url": exceptions.ErrorDetail(str(exc), "url_not_allowed")})
    if isinstance(exc, signatures.InvalidMatch):
        exc = exceptions.ValidationError({"match_value": exceptions.ErrorDetail(f"{exc}.", "invalid_value")})
    if isinstance(exc, NotReady):
        code = "required" if isinstance(exc, rules.Lacking) else "invalid_value"
        exc = exceptions.ValidationError({exc.field: exceptions.ErrorDetail(str(exc), code)})
    if isinstance(exc, exceptions.ValidationError | Unwritable | Unpublishable):
        return _in_words(exc)
    if isinstance(exc, (FileRefused, Over, TooMany, NotTaken)):
        more = {"preview": exc.preview} if isinstance(exc, Question) else {}
        return ContractError(exc.code, str(exc), more=more)
    if isinstance(exc, tuple(_TOLD)):
        code, told = _TOLD[type(exc)]
        return ContractError(code, told.format(exc))
    return _known(exc)


def _known(exc: Exception) -> ContractError:
    for kinds, code in _CODES:
        if isinstance(exc, kinds):
            return ContractError(code)
    if absence.explains(exc):
        return ContractError("not_found")
    return ContractError("unavailable" if no_room.explains(exc) else "internal")


def _in_words(exc: exceptions.ValidationError | Unwritable | Unpublishable) -> ContractError:
    """Return an error that names several fields."""
    if isinstance(exc, Unpublishable):
        return _unpublishable(exc)
    return _unwritable(exc) if isinstance(exc, Unwritable) else _invalid(exc)


def _unpublishable(exc: Unpublishable) -> ContractError:
    errors = [
        {"field": fault.place, "code": fault.code, "message": str(fault)[:_LONGEST_MESSAGE]}
        for fault in exc.faults[:_MOST_ERRORS]
    ]
    return ContractError("not_publishable", f"{errors[0]['field']}: {errors[0]['message']}", errors)


def _unwritable(exc: Unwritable) -> ContractError:
    named = exc.names if isinstance(exc, Missing | Misfit) else ()
    code = "required" if isinstance(exc, Missing) else "wrong_type"
    errors = [
        {"field": f"variables.{name}"[:200], "code": code, "message": "the template needs it."}
        for name in named[:_MOST_ERRORS]
    ]
    return ContractError(_UNWRITABLE[type(exc)], str(exc)[:_LONGEST_MESSAGE], errors)


_UNWRITABLE: dict[type[Unwritable], str] = {
    Missing: "template_variable_missing",
    Misfit: "template_variable_invalid",
    RenderFault: "template_render_failed",
    templates.Unknown: "template_not_found",
    signatures.Unknown: "signature_not_found",
    signatures.TooLarge: "attachments_too_large",
}
# Errors whose own words a client is told.
_TOLD: dict[type[Exception], tuple[str, str]] = {
    NobodyCanCarry: ("no_provider_can_carry", "No provider can carry this email: {}"),
    templates.InUse: ("template_in_use", "{}"),
    AllSuppressed: ("all_suppressed", "{}"),
    Paused: ("paused", "{}"),
    Leaving: ("paused", "{}"),
    keys.Expired: ("api_key_expired", "{}"),
    key_rules.Beyond: ("beyond_own_rights", "{}"),
    NotYours: ("beyond_own_rights", "{}"),
    key_changes.NotLive: ("key_not_live", "{}"),
    NotSetUp: ("unsubscribe_not_set_up", "{}"),
    mailings.WrongState: ("mailing_state", "{}"),
    mailings.NotChecked: ("mailing_not_checked", "The mailing is not checked."),
    mailings.ChangedSinceCheck: ("mailing_not_checked", "{}"),
    mailings.OtherNumber: ("mailing_other_number", "{}"),
    resending.OtherNumber: ("other_number", "{}"),
    posts.Refused: ("forged_event", "{}"),
    posts.NotAcceptable: ("forged_event_at_mailgun", "{}"),
    CannotVerify: ("event_not_verified", "{}"),
}
_CODES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((exceptions.ParseError,), "malformed_json"),
    ((exceptions.UnsupportedMediaType,), "unsupported_content_type"),
    ((exceptions.NotAuthenticated,), "not_authenticated"),
    ((exceptions.AuthenticationFailed,), "invalid_api_key"),
    ((exceptions.PermissionDenied,), "scope_missing"),
    ((exceptions.NotFound, Http404, posts.UnknownAccount), "not_found"),
    ((exceptions.MethodNotAllowed,), "method_not_allowed"),
    ((SuspiciousOperation, BadRequest), "malformed_request"),
    ((idempotency.StillRunning,), "idempotency_key_in_use"),
    ((idempotency.UsedOtherwise,), "idempotency_key_reused"),
    ((changes.TooLate,), "too_late"),
    ((members.NotAllowed,), "role_not_allowed"),
    ((members.AlreadyMember,), "already_member"),
    ((members.LastOwner,), "last_owner"),
    ((members.Refused,), "member_gone"),
    ((contacts.Known,), "contact_exists"),
    ((groups.Known,), "group_exists"),
    ((groups.InUse,), "group_in_use"),
    ((groups.Unsubscribed,), "unsubscribed"),
    ((imports.NotNow,), "import_state"),
    ((endpoints.TooMany,), "too_many_webhooks"),
    ((endpoints.SwitchedOff,), "webhook_off"),
    ((templates.SlugTaken,), "slug_taken"),
    ((templates.ChangedMeanwhile,), "changed_meanwhile"),
    ((templates.TooMany,), "too_many_templates"),
    ((signatures.TooMany,), "too_many_signatures"),
    ((backpressure.Overloaded,), "overloaded"),
    ((changes.ContentGone,), "content_gone"),
    (AWAY, "unavailable"),
)


def _not_read(came: str, parsers: Iterable[Any]) -> ContractError:
    """Return the error that says what came, what is read, and what to send."""
    *most, last = [parser.media_type for parser in parsers]
    read = f"{', '.join(most)} and {last} are" if most else f"{last} is"
    kind = came.partition(";")[0].strip()
    what = f"came as {kind[:80]!a}" if kind else "came without a Content-Type"
    return ContractError(
        "unsupported_content_type",
        f"The body {what}; {read} read here. Send it with the Content-Type that it has.",
    )


def _headers(error: ContractError, exc: Exception, context: dict[str, Any]) -> dict[str, str]:
    if error.status_code == 401:
        return {"WWW-Authenticate": "Bearer"}
    if error.status_code == 405:
        return {"Allow": ", ".join(context["view"].allowed_methods)}
    if isinstance(exc, (Over, TooMany)):
        return {"Retry-After": str(exc.seconds)} if exc.seconds is not None else {}
    waits = error.status_code == 503 or error.code == "idempotency_key_in_use"
    return {"Retry-After": RETRY_AFTER} if waits else {}


def _invalid(exc: exceptions.ValidationError) -> ContractError:
    errors = list(_flat(exc.detail, ""))[:_MOST_ERRORS]
    if all(_is_empty_or_invalid_to(error) for error in errors):
        return ContractError("invalid_to_addresses", EMPTY_OR_INVALID_TO, errors)
    first = errors[0]
    return ContractError("invalid", f"{first['field']}: {first['message']}", errors)


def _is_empty_or_invalid_to(error: dict[str, str]) -> bool:
    of_to = error["field"].partition("[")[0] == "to_addresses"
    return of_to and error["code"] in _EMPTY_OR_INVALID


def _flat(detail: Any, path: str) -> Iterator[dict[str, str]]:
    """Yield a row for each leaf of a tree of error details, with the path to it."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            yield from _flat(value, path + key if str(key).startswith("[") or not path else f"{path}.{key}")
    elif isinstance(detail, list):
        for value in detail:
            yield from _flat(value, path)
    else:
        code = _OURS.get(detail.code, detail.code)
        yield {"field": path, "code": code, "message": str(detail)[:_LONGEST_MESSAGE]}


def _handler(code: str) -> Any:
    def handle(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        """Answer an error outside of views: below /api/ in the API's format, elsewhere as plain text."""
        return _plain(request, ContractError(code))

    return handle


def handler500(request: HttpRequest) -> HttpResponse:
    """Answer an error that no view has answered: 503 if it will pass, in the API's format or as plain text."""
    met = sys.exc_info()[1]
    error = translated(met) if isinstance(met, Exception) else ContractError("internal")
    if isinstance(met, AWAY):
        outages.report("requests are answered 503", met)
    return _plain(request, error if error.code == "unavailable" else ContractError("internal"))


def _plain(request: HttpRequest, error: ContractError) -> HttpResponse:
    headers = {"Retry-After": RETRY_AFTER} if error.status_code == 503 else {}
    if request.path.startswith("/api") or request.path == "/email":
        body = JSONRenderer().render(
            shape(error)
        )  # to the byte as where a view answers: nobody can tell which did
        return HttpResponse(
            body, status=error.status_code, content_type=JSONRenderer.media_type, headers=headers
        )
    return HttpResponse(error.message, status=error.status_code, content_type="text/plain", headers=headers)


handler400 = _handler("malformed_request")
handler404 = _handler("not_found")
