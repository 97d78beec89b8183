"""Each operation of the OpenAPI document × each scope × each role: allowed with its scope, and with no other."""

from typing import Any

import pytest
from django.test import Client

from delivery.access import keys
from delivery.access.scopes import OF_ROLE, Role, Scope
from delivery.db import clock
from delivery.models import ApiKey
from tests.api.document import documented, filled

# What access.md settles; an operation that is missing here is in the matrix all the same.
SETTLED = {
    "send_email": "emails.send",
    "send_mail": "emails.send",
    "post_email": "emails.send",
    "send_batch": "batches.send",
    "emails": "emails.read",
    "email": "emails.read",
    "email_events": "emails.read",
    "reschedule_email": "emails.manage",
    "cancel_email": "emails.manage",
    "cancel_emails": "emails.manage",
    "resend_email": "emails.manage",
    "resend_emails": "emails.manage",
    "suppressions": "suppressions.read",
    "suppression": "suppressions.read",
    "export_suppressions": "suppressions.read",
    "suppress": "suppressions.write",
    "end_suppression": "suppressions.write",
    "import_suppressions": "suppressions.write",
    "webhooks": "webhooks.read",
    "webhook": "webhooks.read",
    "webhook_calls": "webhooks.read",
    "create_webhook": "webhooks.write",
    "change_webhook": "webhooks.write",
    "delete_webhook": "webhooks.write",
    "rotate_webhook": "webhooks.write",
    "test_webhook": "webhooks.write",
    "replay_webhook": "webhooks.write",
    "replay_webhook_call": "webhooks.write",
    "members": "members.read",
    "invite_member": "members.write",
    "change_member": "members.write",
    "remove_member": "members.write",
    "withdraw_invitation": "members.write",
    "providers": "providers.read",
}


@pytest.fixture
def operations(db: None) -> dict[str, tuple[str, str, str]]:
    """Return method, path and scope of each operation that needs a key with one."""
    return {
        operation["operationId"]: (method, filled(path), operation["x-scope"])
        for path, method, operation in documented()
        if "x-scope" in operation
    }


def of(*scopes: str) -> str:
    key, token = keys.issue("shop", scopes=scopes)
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=clock.now())  # noting the use is not what is tested
    return token


def asked(client: Client, method: str, path: str, token: str = "") -> str:
    """Return the answer's status; `refused` for a 403 that is about the scope."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = {} if method == "get" else {"data": b"{}", "content_type": "application/json"}
    answer = getattr(client, method)(path, headers=headers, **body)
    of_scope = answer.status_code == 403 and b"needs an API key with the scope" in answer.content
    return "refused" if of_scope else str(answer.status_code)


def test_the_document_says_what_is_settled(operations: Any) -> None:
    assert {name: operations[name][2] for name in SETTLED} == SETTLED
    assert {scope for _, _, scope in operations.values()} <= set(Scope.values)


def test_whoever_needs_no_scope_is_known(db: None) -> None:
    without = {operation["operationId"] for _, _, operation in documented() if "x-scope" not in operation}
    assert without == {"health_live", "health_ready", "receive_events", "me"}


def test_each_operation_is_allowed_with_its_scope_and_with_no_other(operations: Any) -> None:
    client, alone = Client(raise_request_exception=False), {scope: of(scope) for scope in Scope.values}
    # Whatever another scope allowed, a key with all the others would be allowed, too.
    others = {scope: of(*(other for other in Scope.values if other != scope)) for scope in Scope.values}
    wrong = [
        (name, needed, status)
        for name, (method, path, needed) in operations.items()
        for tokens, is_refused in ((alone, False), (others, True))
        if ((status := asked(client, method, path, tokens[needed])) == "refused") != is_refused
        or status in ("401", "500")
    ]
    assert wrong == []


def test_each_role_is_allowed_what_its_scopes_say(operations: Any) -> None:
    client, tokens = Client(raise_request_exception=False), {role: of(*OF_ROLE[role]) for role in Role}
    wrong = [
        (name, role, status)
        for name, (method, path, needed) in operations.items()
        for role, token in tokens.items()
        if ((status := asked(client, method, path, token)) == "refused") == (needed in OF_ROLE[role])
    ]
    assert wrong == []


def test_without_a_key_nothing_is_allowed(operations: Any) -> None:
    client = Client(raise_request_exception=False)
    assert {asked(client, method, path) for method, path, _ in operations.values()} == {"401"}
