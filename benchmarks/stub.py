"""Stands for SES and SendGrid on the loopback interface: accepts every mail, counts, costs little CPU.

    python benchmarks/stub.py       prints the port, then serves until it is ended

GET /delay/50 makes every later mail wait 50 ms for its answer; GET /counts tells what has arrived.
"""

import asyncio
import json
import re

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
counts = {"requests": 0, "connections": 0}
delay = 0.0  # seconds


class Vendor(asyncio.Protocol):
    """One connection. Bodies are counted, not kept."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.head, self.left = b"", 0
        counts["connections"] += 1

    def data_received(self, data: bytes) -> None:
        if self.left:
            self.left -= len(data)
        else:
            self.head += data
            head, end, body = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            self.head = head
            found = _LENGTH.search(head)
            self.left = (int(found[1]) if found else 0) - len(body)
        if self.left <= 0:
            self._answer()

    def _answer(self) -> None:
        path = self.head.split(b" ", 2)[1].decode()
        self.head, self.left = b"", 0
        if path.startswith("/delay/"):
            globals()["delay"] = int(path.rpartition("/")[2]) / 1000
            self._write(200, b"{}")
        elif path == "/counts":
            self._write(200, json.dumps(counts).encode())
        else:
            counts["requests"] += 1
            status, body = (202, b"") if path == "/v3/mail/send" else (200, b'{"MessageId": "0100-bench"}')
            if delay:
                asyncio.get_running_loop().call_later(delay, self._write, status, body)
            else:
                self._write(status, body)

    def _write(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nX-Message-Id: bench\r\n"
        self.transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Vendor, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
