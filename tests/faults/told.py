"""What receivers of webhooks were told while processes were killed: all of it, and each event under one id."""

import http.client
import json
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook

from tests.fakes import V1
from tests.faults import deaths, processes
from tests.faults.installation import ask
from tests.faults.trial import Scene
from tests.providers.fault_server import FaultServer

_KNOWN = 2.0  # seconds until every process knows of a new endpoint
_LONGEST = 240.0  # seconds until the last of them is told: some leases, and calls that hang
_DUE = "SELECT count(*) FROM delivery_webhookmessage WHERE due_at IS NOT NULL"
_MESSAGES = "SELECT id, endpoint_id, kind, data, outcome FROM delivery_webhookmessage"
_EMAILS = "SELECT id, status FROM delivery_email"
_TOLD = {"sent", "partial", "failed", "expired", "unknown"}  # statuses that somebody is told of
_FRESH = (
    50  # of the last requests the signature is verified: earlier ones may be older than a library accepts
)


def storm(scene: Scene) -> None:
    """Kill at any moment, and let hostile vendors decide what there is to tell."""
    assert scene.place.receivers
    listening = [(server, *_listen(scene, server)) for server in scene.place.receivers.servers]
    time.sleep(_KNOWN)
    deaths.storm(scene)
    scene.drain()
    processes.eventually(lambda: not scene.ask(_DUE), seconds=_LONGEST, pause=0.5)
    tries = 0
    for server, endpoint, secret in listening:
        tries += len(server.received)
        _examine(scene, server, endpoint, secret)
    scene.figures |= {"webhooks": str(len(_messages(scene))), "calls": str(tries)}


def _listen(scene: Scene, server: FaultServer) -> tuple[UUID, str]:
    """Make an endpoint; return its id and its secret."""
    connection = http.client.HTTPConnection("127.0.0.1", scene.gomail.port, timeout=30)
    body = json.dumps({"url": server.url})
    connection.request("POST", f"{V1}webhooks/", body, {"Content-Type": "application/json"})
    made = json.load(connection.getresponse())
    connection.close()
    return UUID(made["id"]), made["secret"]


def _examine(scene: Scene, server: FaultServer, endpoint: UUID, secret: str) -> None:
    """Compare what a receiver got with what there was to tell it."""
    written = [one for one in _messages(scene) if one.endpoint == endpoint]
    got: dict[str, set[bytes]] = defaultdict(set)
    for request in list(server.received):
        got[request.headers["webhook-id"]].add(request.body)
    lost = [one.id for one in written if one.id not in got or one.outcome != "delivered"]
    scene.expect(not lost, f"webhooks lost: {len(lost)}, such as {lost[:3]}")
    strange = set(got) - {one.id for one in written}
    scene.expect(not strange, f"webhooks that nobody wrote: {sorted(strange)[:3]}")
    two = [pk for pk, bodies in got.items() if len(bodies) > 1]
    scene.expect(not two, f"ids that told two things: {two[:3]}")
    untold = _untold(scene, written)
    scene.expect(not untold, f"emails that nobody was told of: {len(untold)}, such as {untold[:3]}")
    for request in server.received[-_FRESH:]:
        Webhook(secret).verify(request.body, dict(request.headers))


@dataclass(frozen=True, kw_only=True)
class _Message:
    id: str
    endpoint: UUID
    kind: str
    data: dict[str, Any]
    outcome: str


def _messages(scene: Scene) -> list[_Message]:
    return [
        _Message(
            id=str(UUID(str(pk))),
            endpoint=UUID(str(endpoint)),
            kind=kind,
            data=json.loads(data) if isinstance(data, str) else data,
            outcome=outcome,
        )
        for pk, endpoint, kind, data, outcome in ask(scene.gomail.watched, _MESSAGES)
    ]


def _untold(scene: Scene, written: list[_Message]) -> list[str]:
    """Return the emails whose status is no status that the receiver was told of."""
    told = {(one.data.get("email_id"), one.data.get("status")) for one in written}
    emails = [(str(UUID(str(pk))), status) for pk, status in ask(scene.gomail.watched, _EMAILS)]
    return [pk for pk, status in emails if status in _TOLD and (pk, status) not in told]
