"""Answers that the server gives itself: to what is no request, and to whom there is no room for."""

import json
from functools import cache
from http import HTTPStatus

from api import error_codes, no_room
from api.early_answer import Answer
from gomail import request_id


@cache
def answer(name: str) -> Answer:
    """Return the answer with an error code of the registry."""
    code = error_codes.REQUEST[name]
    body = json.dumps({"success": False, "message": code.meaning, "code": name, "errors": []}).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    later = [("Retry-After", no_room.RETRY_AFTER)] if code.status == 503 else []
    return Answer(
        status=f"{code.status} {HTTPStatus(code.status).phrase}", headers=headers + later, body=[body]
    )


def whole(name: str, said: str = "") -> bytes:
    """Return the same as it goes over the wire, with what the client said as its X-Request-ID; the connection ends."""
    known = answer(name)
    lines = "".join(
        f"{field}: {value}\r\n"
        for field, value in [*known.headers, (request_id.HEADER, request_id.safe(said))]
    )
    head = f"HTTP/1.1 {known.status}\r\n{lines}Connection: close\r\n\r\n"
    return head.encode() + b"".join(known.body)
