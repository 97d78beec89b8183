"""A real Prometheus scrapes a running GoMail, and is asked all that the dashboards ask."""

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests import fakes
from tests.paths import ROOT
from tests.servers import Installation, eventually, free_port, listening

pytestmark = [pytest.mark.processes, pytest.mark.slow]
TOKEN = "a-token-of-the-tests"
# What has no series before it has happened: a vendor's events and quota, a webhook, an unknown email.
QUIET = {
    "Calls of webhooks",
    "Complaints",
    "Day that is used",
    "Events",
    "Events come late",
    "Hard bounces",
    "Unknown attempts that became known",
}


class Prometheus:
    """A Prometheus with a port of its own, and what it answers."""

    def __init__(self, port: int) -> None:
        self.port = port

    def asked(self, query: str) -> list[dict[str, Any]]:
        """Return the series of an answer; an error of Prometheus is raised."""
        words = urllib.parse.urlencode({"query": query.replace("$__rate_interval", "15s")})
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/api/v1/query?{words}", timeout=10
        ) as found:
            answer = json.load(found)
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])


@contextmanager
def scraping(house: Installation, folder: Path) -> Iterator[Prometheus]:
    """Run one that scrapes this installation each second, with the rules of deploy/."""
    if not (program := shutil.which("prometheus")):
        reason = "NO PROMETHEUS (apt-get install prometheus): the dashboards' queries were NOT asked."
        (pytest.fail if os.environ.get("GOMAIL_TEST_EVERYTHING") == "1" else pytest.skip)(reason)
    shutil.copy(ROOT / "deploy" / "alerts.yaml", folder)
    target = {
        "job_name": "gomail",
        "authorization": {"credentials": TOKEN},
        "static_configs": [{"targets": [f"127.0.0.1:{house.port}"]}],
    }
    told = {"global": {"scrape_interval": "1s"}, "rule_files": ["alerts.yaml"], "scrape_configs": [target]}
    (folder / "prometheus.yml").write_text(json.dumps(told))
    port = free_port()
    command = [
        program,
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: listening(port))
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait()


def traffic(house: Installation) -> None:
    """Send one email at once and one later, and ask for what is refused."""
    house.post()
    house.post(prefer="respond-async")
    for path, body in (("send-email/", b"{}"), ("events/ses/", b"{}")):
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(
                urllib.request.Request(house.url(path), body, {"Content-Type": "application/json"}),
                timeout=60,
            ).close()


def queries() -> list[tuple[str, str]]:
    """Return every query with its panel's title."""
    read = [json.loads(path.read_text()) for path in sorted((ROOT / "deploy" / "grafana").glob("*.json"))]
    panels = [panel for dashboard in read for panel in dashboard["panels"] if panel["type"] != "row"]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"]]


def test_every_query_of_the_dashboards_is_answered_with_what_the_traffic_was(tmp_path: Path) -> None:
    variables = (
        fakes.variables(None, None)
        | {
            "GOMAIL_PROVIDERS": "ses,sandbox",  # nobody listens at SES: each email fails there until it is not asked
            "GOMAIL_METRICS_TOKEN": TOKEN,
        }
    )
    house = Installation(tmp_path, variables)
    asked = queries()
    assert len(asked) > 30
    with house.serving(), house.running("manage.py", "worker"), scraping(house, tmp_path) as prometheus:

        def quiet() -> set[str]:
            traffic(house)
            return {title for title, query in asked if not prometheus.asked(query)}

        eventually(lambda: quiet() == QUIET)
        assert prometheus.asked("up == 1")
        assert prometheus.asked("ALERTS{alertname='GoMailNotScraped'}") == []
