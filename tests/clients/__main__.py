"""Every client of this machine sends every case to a real server; what arrived is compared with what was meant."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests import (
    environment,  # noqa: F401 - before any child reads it: no key of the developer's .env
    fakes,
)
from tests.api.server import serving
from tests.clients.cases import BODY, CASES, PLAIN, Case
from tests.clients.programs import WITHOUT_PROGRAM, Client, clients

GOOD, BAD, NOT_TRIED = "ok", "FAILED", "-"


def main() -> int:
    """Print the table and what failed; return 0 if nothing did."""
    with tempfile.TemporaryDirectory(prefix="gomail-clients-") as folder:
        there = [(client, client.is_here()) for client in clients(Path(folder))]
        with installation(Path(folder)) as (url, ses):
            results = {
                client.name: [tried(client, case, url, ses) for case in CASES]
                for client, here in there
                if here
            }
    show(results)
    missing = [client.name for client, here in there if not here]
    if missing:
        print(f"\nLEFT OUT, not installed on this machine: {', '.join(missing)}")
    print(f"LEFT OUT, no program for it yet: {', '.join(WITHOUT_PROGRAM)}")
    failed = [
        (name, case.title, result)
        for name, row in results.items()
        for case, result in zip(CASES, row, strict=True)
        if result not in (GOOD, NOT_TRIED)
    ]
    for name, title, result in failed:
        print(f"\n{name}, {title}: {result}")
    tries = sum(result != NOT_TRIED for row in results.values() for result in row)
    print(f"\n{len(results)} clients, {tries} requests, {len(failed)} failed")
    return 1 if failed or not results else 0


@contextmanager
def installation(folder: Path) -> Iterator[tuple[str, fakes.FakeVendor]]:
    """A server that asks for no key, and the vendor behind it."""
    with fakes.ses() as ses:
        variables = fakes.variables(ses, None) | {"API_KEY_REQUIRED": "false", "GOMAIL_PROVIDERS": "ses"}
        with serving(folder, **variables) as server:
            yield f"http://127.0.0.1:{server.port}{fakes.V1}", ses


def tried(client: Client, case: Case, url: str, ses: fakes.FakeVendor) -> str:
    """Send a case and return what came of it."""
    with tempfile.TemporaryDirectory(prefix="gomail-case-") as name:
        folder = Path(name)
        request = case.request(folder)
        if case.of_length and not fitted(client, case, folder):
            return NOT_TRIED
        written = folder / "request"
        sizes = {path.name: path.stat().st_size for _, path in request.files}
        written.write_text(request.written(url))
        ses.received.clear()
        answer = client.send(written)
    if not answer.startswith("200"):
        return answer[:500]
    return difference(case, ses, sizes) or GOOD


def fitted(client: Client, case: Case, folder: Path) -> bool:
    """Make the file as long as the whole body needs to have its length; False where a client's bodies vary."""
    request = case.request(folder)
    (_, path), written = request.files[0], folder / "request"
    with listener() as (url, lengths):
        written.write_text(request.written(url))
        client.send(written)
        path.write_bytes(b"x" * (case.of_length - (lengths[-1] if lengths else 0) + 1))
        client.send(written)
    return lengths[-1:] == [case.of_length]


@contextmanager
def listener() -> Iterator[tuple[str, list[int]]]:
    """A server that only looks how long a body is."""
    lengths: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            lengths.append(int(self.headers.get("Content-Length", 0)))
            self.rfile.read(lengths[-1])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", lengths
    server.shutdown()
    server.server_close()


def difference(case: Case, ses: fakes.FakeVendor, sizes: dict[str, int]) -> str:
    """Return in words what arrived otherwise than it was sent."""
    arrived = ses.arrived()
    if len(arrived) != 1 or arrived[0].mime is None:
        return f"{len(arrived)} mails arrived"
    mime = arrived[0].mime
    text = mime.get_body(["plain"])
    files = {part.get_filename(): len(part.get_payload(decode=True)) for part in mime.iter_attachments()}
    wanted = {name: sum(sizes.values()) if size < 0 else size for name, size in case.files.items()}
    found = {
        "recipients": (arrived[0].recipients, set(case.recipients)),
        "subject": (str(mime["Subject"]), PLAIN[2][1]),
        "text": (text.get_content().replace("\r\n", "\n").rstrip("\n") if text else "", BODY[1].rstrip("\n")),
        "files": (files, wanted),
    }
    return "; ".join(
        f"{what}: {got!r}, wanted {meant!r}" for what, (got, meant) in found.items() if got != meant
    )


def show(results: dict[str, list[str]]) -> None:
    """Print a row for each case and a column for each client."""
    width = max(len(case.title) for case in CASES)
    print(" " * width, *(f"{name:>10}" for name in results))
    for number, case in enumerate(CASES):
        row = [result[number] if result[number] in (GOOD, NOT_TRIED) else BAD for result in results.values()]
        print(f"{case.title:{width}}", *(f"{cell:>10}" for cell in row))


if __name__ == "__main__":
    sys.exit(main())
