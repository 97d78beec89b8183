"""A good customer repeats an order under its key until it is taken, and logs every answer."""

import json
import random
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.faults import customers
from tests.faults.customers import Customers

TAKEN = {"id": "e1", "status": "queued"}


@pytest.fixture
def server(monkeypatch):
    """A server that answers as its script says; None: it hangs up."""
    monkeypatch.setattr(customers, "_PAUSES", (0.0, 0.0))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.received.append((self.headers["Idempotency-Key"], body))
            self.close_connection = True
            if status := self.server.script.pop(0):
                words = json.dumps(TAKEN if status < 300 else {"code": "unavailable"}).encode()
                self.send_response(status)
                self.send_header("Connection", "close")
                self.send_header("Content-Length", str(len(words)))
                self.end_headers()
                self.wfile.write(words)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as found:
        found.script, found.received = [], []
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def ordered(server, script, *, key="order-1"):
    server.script += script
    crowd = Customers(server.server_port, 1, random.Random(7))
    crowd.keyless = 0.0 if key else 1.0
    order = crowd.order("sync")
    connection = crowd.connect()
    crowd.place(order, connection)
    connection.close()
    return order


def test_an_order_is_repeated_unchanged_until_it_is_taken(server):
    order = ordered(server, [None, 503, 409, 202])
    assert [exchange.status for exchange in order.exchanges] == [0, 503, 409, 202]
    assert len(set(server.received)) == 1
    assert [answer.id for answer in order.answers] == ["e1"]


def test_a_refusal_is_an_answer(server):
    assert [exchange.status for exchange in ordered(server, [400]).exchanges] == [400]


def test_an_order_without_a_key_is_never_repeated(server):
    assert [exchange.status for exchange in ordered(server, [None], key="").exchanges] == [0]
