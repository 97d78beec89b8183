"""An example of each error in the OpenAPI document, made of the registry of error codes."""

from typing import Any, Final

from api import error_codes
from api.scoped_schema import SENDING

_JSON: Final = "application/json"
_FAILURE, _SHORT_FORM = _SHAPES = ("/Failure", "/Answer")  # of all paths but one; of `POST /email`
# The code that a client meets first, by status; where resources differ, by resource as well.
_USUAL = {
    400: "invalid",
    401: "not_authenticated",
    403: "scope_missing",
    404: "not_found",
    405: "method_not_allowed",
    406: "forged_event_at_mailgun",
    413: "request_too_large",
    429: "rate_limited",
    500: "internal",
    503: "unavailable",
}
_OF_RESOURCE = {
    (SENDING, 403): "invalid_to_addresses",
    (SENDING, 409): "idempotency_key_in_use",
    (SENDING, 413): "attachments_too_large",
    (SENDING, 422): "idempotency_key_reused",
    ("contacts", 409): "contact_exists",
    ("emails", 409): "too_late",
    ("contacts", 422): "too_many_columns",
    ("groups", 422): "too_many_columns",
    ("emails", 422): "idempotency_key_reused",
    ("erasures", 422): "erasure_not_set_up",
    ("events", 403): "forged_event",
    ("events", 503): "event_not_verified",
    ("groups", 409): "group_exists",
    ("imports", 409): "import_state",
    ("imports", 422): "no_email_column",
    ("keys", 409): "key_not_live",
    ("mailings", 409): "mailing_state",
    ("mailings", 422): "template_not_found",
    ("members", 409): "already_member",
    ("signatures", 409): "too_many_signatures",
    ("signatures", 422): "signature_not_found",
    ("webhooks", 409): "too_many_webhooks",
    **{(kind, 409): "slug_taken" for kind in ("templates", "layouts", "partials")},
    **{(kind, 422): "template_variable_missing" for kind in ("templates", "layouts", "partials")},
}
_FIELDS = {
    "invalid": {"field": "subjct", "code": "unknown_field"},
    "invalid_to_addresses": {"field": "to_addresses[0]", "code": "invalid_address"},
    "template_variable_missing": {"field": "variables.name", "code": "required"},
}


def code(resource: str, status: int) -> str:
    """Return the code of the example; empty if errors of this status have no example here."""
    return _OF_RESOURCE.get((resource, status), _USUAL.get(status, ""))


def added(result: Any, **context: Any) -> Any:
    """Give each error of each operation its example; drf-spectacular calls this."""
    for operation in (one for path in result["paths"].values() for one in path.values()):
        errors = [one for one in operation["responses"].items() if int(one[0]) >= 400]
        for status, response in errors:
            content = response.get("content", {}).get(_JSON)
            said = code(operation["tags"][0], int(status))
            shape = content["schema"].get("$ref", "") if content else ""
            if said and shape.endswith(_SHAPES):
                told = (
                    _body(said)
                    if shape.endswith(_FAILURE)
                    else {"message": error_codes.REQUEST[said].meaning}
                )
                content["examples"] = {said: {"value": told}}
    return result


def _body(said: str) -> dict[str, Any]:
    meaning = error_codes.REQUEST[said].meaning
    errors = []
    if said in _FIELDS:
        field = _FIELDS[said]
        errors = [{**field, "message": error_codes.FIELD[field["code"]].meaning}]
    return {"success": False, "message": meaning, "code": said, "errors": errors}
