"""What real processes have counted and logged is there when they are dead."""

import json
import os
import re
import signal
import urllib.request
from pathlib import Path

import pytest

from tests import read_lines
from tests.servers import Installation, eventually, listening

pytestmark = pytest.mark.processes
TOKEN = "a-token-of-the-tests"


def asked(house: Installation) -> str:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(f"http://127.0.0.1:{house.port}/metrics", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.read().decode())


def sample(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_killed_server_stays_counted_and_its_log_has_a_line_for_each_request(tmp_path: Path) -> None:
    variables = {
        "GOMAIL_PROVIDERS": "sandbox",
        "GOMAIL_METRICS_DIR": str(tmp_path / "metrics"),
        "GOMAIL_METRICS_TOKEN": TOKEN,
        "LOG_FORMAT": "json",
    }
    house = Installation(tmp_path, variables)
    command, said = ("-m", "gunicorn", "--config", "python:gomail.gunicorn"), tmp_path / "log"
    server = house.started(*command, output=said)
    try:
        eventually(lambda: listening(house.port))
        house.post()
        house.post(prefer="respond-async")
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    eventually(lambda: not listening(house.port))
    with house.serving():
        house.post()
        text = asked(house)
    assert sample(text, 'gomail_emails_accepted_total{priority="normal"}') == 3
    assert sample(text, 'gomail_attempts_total{outcome="accepted",provider="sandbox"}') == 2
    assert sample(text, 'gomail_http_requests_total{part="send",status="2xx"}') == 3
    assert sample(text, 'gomail_queue_emails{state="queued"}') == 1
    lines = said.read_text().splitlines()
    assert read_lines.with_addresses(lines) == []
    told = [json.loads(line) for line in lines if line.startswith("{")]
    assert [one["event.action"] for one in told if "event.action" in one] == ["attempt", "request", "request"]
