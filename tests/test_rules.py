"""Rules and dashboards for Prometheus: each query asks for what is there, and each rule fires when it should."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.counting import counters
from delivery.monitoring import metrics
from tests.paths import ROOT

RULES = yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
ATTEMPTS, EVENTS = (
    'gomail_attempts_total{provider="ses",outcome=%s}',
    'gomail_events_total{provider="ses",kind=%s}',
)
REFUSED, REQUESTS = (
    'gomail_events_refused_total{provider="ses"}',
    'gomail_http_requests_total{part="send",status=%s}',
)
Series = dict[str, str]  # the values of two hours, a minute each


def incident(kind: str) -> str:
    return f'gomail_incident_oldest_seconds{{kind="{kind}"}}'


def oldest(state: str, priority: str) -> str:
    return f'gomail_queue_oldest_seconds{{state="{state}",priority="{priority}"}}'


def both(name: str, good: str, bad: str, *, of: int) -> Series:
    """Return two counters that grow by the minute, so many together; a tenth and twice a tenth of that is bad."""
    return {name % f'"{good}"': f"0+{of // 2}x120", name % f'"{bad}"': f"0+{of - of // 2}x120"}


# For each rule what makes it fire, and what does not: a smaller value, or the same ratio of too little.
CASES: dict[str, tuple[Series, Series]] = {
    "GoMailNoProvider": (
        {'gomail_circuit_state{provider="ses"}': "2x120", 'gomail_circuit_state{provider="b"}': "3x120"},
        {'gomail_circuit_state{provider="ses"}': "2x120", 'gomail_circuit_state{provider="b"}': "0x120"},
    ),
    "GoMailProviderNotUsed": (
        {'gomail_circuit_state{provider="ses"}': "2x120", 'gomail_circuit_state{provider="b"}': "0x120"},
        {'gomail_circuit_state{provider="ses"}': "3x120", 'gomail_circuit_state{provider="b"}': "0x118 2 2"},
    ),
    "GoMailAttemptsFail": (
        both(ATTEMPTS, "accepted", "refused_temporarily", of=20),
        both(ATTEMPTS, "accepted", "refused_temporarily", of=4)
        | both(ATTEMPTS, "accepted", "refused", of=60),
    ),
    "GoMailAccountSuspended": ({incident("account"): "0+60x120"}, {incident("account"): "0x120"}),
    "GoMailManySuppressed": ({incident("suppressions"): "0+60x120"}, {incident("suppressions"): "30x120"}),
    "GoMailBounces": (
        {'gomail_bounce_ratio{provider="ses"}': "0.06x120"},
        {'gomail_bounce_ratio{provider="ses"}': "0.04x120"},
    ),
    "GoMailDiskFull": ({incident("disk"): "0+60x120"}, {incident("disk"): "30x120"}),
    "GoMailHighWaits": ({oldest("due", "high"): "130x120"}, {oldest("due", "high"): "110x120"}),
    "GoMailNormalWaits": (
        {oldest("due", "normal"): "700x120"},
        {oldest("due", "normal"): "500x120", oldest("due", "bulk"): "9000x120"},
    ),
    "GoMailDatabaseAway": (
        {'gomail_database_up{instance="a"}': "0x120", 'gomail_database_up{instance="b"}': "0x120"},
        {'gomail_database_up{instance="a"}': "0x120", 'gomail_database_up{instance="b"}': "1x120"},
    ),
    "GoMailRequestsFail": (
        both(REQUESTS, "2xx", "5xx", of=20),
        both(REQUESTS, "2xx", "4xx", of=20)
        | {'gomail_http_requests_total{part="pages",status="5xx"}': "0+50x120"},
    ),
    "GoMailDeferred": (
        both(EVENTS, "delivered", "deferred", of=10),
        both(EVENTS, "delivered", "deferred", of=2) | both(EVENTS, "opened", "clicked", of=90),
    ),
    "GoMailUnknownAttempts": (
        {ATTEMPTS % '"accepted"': "0+20x120", ATTEMPTS % '"unknown"': "0+1x120"},
        {ATTEMPTS % '"accepted"': "0+1x120", ATTEMPTS % '"unknown"': "0+1x120"},
    ),
    "GoMailNoWorker": ({"gomail_workers_alive": "0x120"}, {"gomail_workers_alive": "1x120"}),
    "GoMailWorkerLost": ({incident("worker"): "0+60x120"}, {incident("worker"): "100x120"}),
    "GoMailNotScraped": ({"up": "0x120"}, {'gomail_build_info{version="1"}': "1x120"}),
    "GoMailUnknownWaits": ({oldest("unknown", "bulk"): "4000x120"}, {oldest("unknown", "bulk"): "3000x120"}),
    "GoMailWebhooksOff": ({incident("webhook"): "0+60x120"}, {incident("webhook"): "30x120"}),
    "GoMailWebhooksWait": (
        {"gomail_webhook_oldest_seconds": "1000x120"},
        {"gomail_webhook_oldest_seconds": "800x120"},
    ),
    "GoMailScannerAway": ({incident("scanner"): "0+60x120"}, {incident("scanner"): "100x120"}),
    "GoMailNoEvents": ({incident("events"): "0+60x120"}, {incident("events"): "200x120"}),
    "GoMailEventsRefused": (
        {REFUSED: "0+1x120"},
        {REFUSED: "0+1x120", EVENTS % '"delivered"': "0+90x120"},
    ),
}


def test_every_rule_has_a_case() -> None:
    assert list(CASES) == [rule["alert"] for rule in RULES]


@pytest.mark.slow
def test_every_rule_fires_when_it_should_and_not_before(tmp_path: Path) -> None:
    if not shutil.which("promtool"):
        reason = "NO PROMTOOL (apt-get install prometheus): the rules of alerts were NOT tried."
        (pytest.fail if os.environ.get("GOMAIL_TEST_EVERYTHING") == "1" else pytest.skip)(reason)
    shutil.copy(ROOT / "deploy" / "alerts.yaml", tmp_path)
    cases = [
        case(name, series, fires=fires)
        for name, pair in CASES.items()
        for series, fires in zip(pair, (1, 0), strict=True)
    ]
    told = {"rule_files": ["alerts.yaml"], "evaluation_interval": "1m", "tests": cases}
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump(told))
    done = subprocess.run(
        ["promtool", "test", "rules", "cases.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def case(name: str, series: Series, *, fires: int) -> dict[str, Any]:
    expected = [{"labels": "{}", "value": fires}] if fires else []
    asked = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
    return {
        "name": f"{name} {'fires' if fires else 'is quiet'}",
        "interval": "1m",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [{"expr": asked, "eval_time": "2h", "exp_samples": expected}],
    }


def test_no_rule_asks_for_a_bare_count() -> None:
    """A ratio has its least volume in the same rule; everything else is an age, a state or a ratio that has one."""
    states = ("circuit_state", "database_up", "workers_alive", "build_info", "bounce_ratio")
    for rule in RULES:
        asked = rule["expr"]
        of_age = re.fullmatch(r"[^/]*_seconds[^/]*> \d+", asked)
        is_ratio = " / " in asked.replace("\n", " ") and re.search(r"and .*>= \d\d", asked)
        assert of_age or is_ratio or any(state in asked for state in states), rule["alert"]


def test_every_rule_leads_to_a_section_of_the_runbook() -> None:
    sections = set(re.findall(r"^## ([a-z-]+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE))
    named = {rule["alert"]: rule["annotations"]["runbook_url"].partition("#") for rule in RULES}
    assert {
        name
        for name, (page, _, section) in named.items()
        if page != "docs/runbook.md" or section not in sections
    } == set()


@pytest.mark.django_db
def test_every_query_asks_for_a_metric_that_there_is() -> None:
    known = names()
    asked = {str(rule["alert"]): rule["expr"] for rule in RULES}
    for path in DASHBOARDS:
        for panel in panels(json.loads(path.read_text())):
            asked |= {f"{path.name}: {panel['title']}: {query}": query for query in queries(panel)}
    assert len(asked) > len(RULES) + 20
    unknown = {where: set(re.findall(r"gomail_\w+", query)) - known for where, query in asked.items()}
    assert {where: those for where, those in unknown.items() if those} == {}


def names() -> set[str]:
    """Return the names of all series, those that nobody has counted yet, too."""
    counted = vars(counters._counters()).values()
    found = {sample for one in counted for sample in named(one)}
    return found | set(re.findall(r"^# TYPE (\S+) gauge", metrics.read().decode(), re.MULTILINE))


def named(counter: Any) -> set[str]:
    if counter._type == "counter":
        return {f"{counter._name}_total"}
    return {f"{counter._name}_{ending}" for ending in ("bucket", "sum", "count")}


class TestDashboards:
    """What Grafana reads from a folder."""

    def test_there_are_three_with_names_of_their_own(self) -> None:
        read = [json.loads(path.read_text()) for path in DASHBOARDS]
        assert [path.stem for path in DASHBOARDS] == ["providers", "queue", "requests"]
        assert len({one["uid"] for one in read}) == len({one["title"] for one in read}) == 3

    @pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
    def test_every_panel_asks_the_source_that_is_chosen_and_has_a_place(self, path: Path) -> None:
        dashboard = json.loads(path.read_text())
        assert [one["name"] for one in dashboard["templating"]["list"] if one["type"] == "datasource"] == [
            "source"
        ]
        source = {"type": "prometheus", "uid": "${source}"}
        those = panels(dashboard)
        assert all(
            panel["datasource"] == source and queries(panel) and panel["description"] for panel in those
        )
        taken = [spot for panel in those for spot in spots(panel["gridPos"])]
        assert len(taken) == len(set(taken))
        assert len({panel["id"] for panel in those}) == len(those)


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


def spots(place: dict[str, int]) -> list[tuple[int, int]]:
    columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
    assert columns[-1] < 24
    return [(x, y) for x in columns for y in rows]
