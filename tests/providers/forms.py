"""What a form sent as multipart/form-data holds, read by a parser that is not ours."""

import email
from email.message import Message as Part
from email.policy import HTTP

from tests.providers.fault_server import Request


def parts(request: Request) -> list[Part]:
    """Return the parts of a form in their order."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    form = email.message_from_bytes(head + request.body, policy=HTTP.clone(cte_type="8bit"))
    assert not form.defects
    return list(form.iter_parts())


def fields(request: Request) -> list[tuple[str, str]]:
    """Return the names and values of the fields that are no files."""
    plain = [part for part in parts(request) if not part.get_filename()]
    return [(_name(part), part.get_payload(decode=True).decode()) for part in plain]


def file(request: Request) -> tuple[str, bytes]:
    """Return the name and the content of the one file, found by its boundary as servers do."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    (part,) = [part for part in request.body.split(b"--" + boundary) if b"filename=" in part]
    head, _, content = part.partition(b"\r\n\r\n")
    return head.partition(b'name="')[2].partition(b'"')[0].decode(), content.removesuffix(b"\r\n")


def _name(part: Part) -> str:
    return str(part.get_param("name", header="content-disposition"))
