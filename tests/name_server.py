"""A loopback name server that answers as told.

with NameServer() as server:
    server.records[("example.org", "TXT")] = ['"v=spf1 -all"']
    server.faults["_dmarc.example.org"] = "SERVFAIL"   # or HANG
    settings.GOMAIL_DNS_SERVERS = (server.place,)
    server.asked                                        # the names and types that were asked for
"""

import socket
import threading
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

HANG = "HANG"
_LARGEST = 65_535


class NameServer:
    """A UDP name server for every name there is; one without a record does not exist."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.faults: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))

    @property
    def place(self) -> tuple[str, int]:
        address, port = self._socket.getsockname()
        return address, port

    def __enter__(self) -> "NameServer":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                question, client = self._socket.recvfrom(_LARGEST)
            except OSError:
                return
            answer = self._answer(dns.message.from_wire(question))
            if answer is not None:
                self._socket.sendto(answer.to_wire(), client)

    def _answer(self, question: dns.message.Message) -> dns.message.Message | None:
        (asked,) = question.question
        name, kind = asked.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(asked.rdtype)
        self.asked.append((name, kind))
        fault = self.faults.get(name)
        if fault == HANG:
            return None
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        if fault:
            answer.set_rcode(dns.rcode.from_text(fault))
        elif values := self.records.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *values))
        elif not any(known == name for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
