"""The examples of deploy/ that are read, not run: units, proxies, policies and a manifest fit GoMail."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.body_limit import MAX_BODY_BYTES
from tests import documents, environment
from tests.paths import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFEST = yaml.safe_load((DEPLOY / "kubernetes" / "gomail.yaml").read_text())["items"]


def of_unit(path: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command_of_this_version_as_nobody_special(unit: Path) -> None:
    assert of_unit(unit, "User") == ["gomail"]
    assert of_unit(unit, "NoNewPrivileges") == ["true"]
    for command in of_unit(unit, "ExecStart"):
        program, *arguments = command.split()
        assert program in ("/opt/gomail/.venv/bin/python", "/opt/gomail/.venv/bin/gunicorn")
        if program.endswith("python"):
            commands = ROOT / "delivery" / "management" / "commands"
            assert (commands / f"{arguments[1]}.py").exists(), command


def test_units_give_what_has_begun_the_time_to_end() -> None:
    times = {path.stem: of_unit(path, "TimeoutStopSec") for path in UNITS}
    assert int(times["gomail-web"][0]) >= 65
    assert int(times["gomail-worker"][0]) >= 35


def test_every_timer_has_its_service() -> None:
    timers = [path.with_suffix(".service") for path in (DEPLOY / "systemd").glob("*.timer")]
    assert timers
    assert [path for path in timers if not path.exists()] == []


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("There is no `systemd-analyze` here to ask.")
    for path in (DEPLOY / "systemd").iterdir():
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(text)
    asked = ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if "gomail" in line] == []


def test_the_policies_allow_each_call_that_is_made_and_are_those_of_the_page() -> None:
    setup, service = (
        json.loads(block.text)
        for block in documents.blocks(ROOT / "docs" / "connecting-events.md")
        if block.kind == "json"
    )
    files = {name: json.loads((DEPLOY / f"{name}.json").read_text()) for name in ("iam-ses", "iam-ses-setup")}
    assert files["iam-ses-setup"] == setup
    assert actions(service) <= actions(files["iam-ses"])
    called = {
        name
        for path in (ROOT / "providers" / "ses").glob("*.py")
        for name in re.findall(r'asking\("([a-z]+:[A-Z]\w+)"', path.read_text())
    }
    assert called - actions(files["iam-ses"]) - actions(files["iam-ses-setup"]) == set()


def actions(policy: Any) -> set[str]:
    found = [statement["Action"] for statement in policy["Statement"]]
    return {name for each in found for name in ([each] if isinstance(each, str) else each)}


def test_proxies_pass_what_is_needed_and_log_nothing_that_opens() -> None:
    nginx, caddy = ((DEPLOY / name).read_text() for name in ("nginx.conf", "Caddyfile"))
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in nginx
    assert {"proxy_set_header Host $host;", "proxy_set_header X-Forwarded-Proto $scheme;"} <= {
        line.strip() for line in nginx.splitlines()
    }
    most = re.search(r"client_max_body_size (\d+)m;", nginx)
    assert most is not None
    assert int(most[1]) * 1024 * 1024 > MAX_BODY_BYTES
    for text in (nginx, caddy):
        assert all(path in text for path in ("/u/", "/invite/", "/accounts/password/reset/key/", "/metrics"))
    assert "$request_uri" not in nginx.partition("upstream")[0]


def test_the_manifest_sets_variables_that_are_explained_and_no_secret() -> None:
    (variables,) = (each["data"] for each in MANIFEST if each["kind"] == "ConfigMap")
    in_place = {each["name"] for pod in pods() for box in pod["containers"] for each in box.get("env", [])}
    assert variables.keys() | in_place <= set(environment.NAMES)
    secret = ("KEY", "KEYS", "PASSWORD", "SECRET", "DATABASE_URL")
    assert [name for name in variables if name.endswith(secret)] == []


def test_every_pod_is_nobody_special_and_keeps_a_journal_that_is_its_own() -> None:
    assert len(list(pods())) == 4
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        (box,) = pod["containers"]
        assert box["securityContext"]["readOnlyRootFilesystem"] is True
        mounted = {mount["name"]: mount["mountPath"] for mount in box["volumeMounts"]}
        assert mounted["journal"] == "/var/lib/gomail/journal"
    lasting = [each for each in MANIFEST if each["kind"] == "StatefulSet"]
    names = [
        [claim["metadata"]["name"] for claim in each["spec"]["volumeClaimTemplates"]] for each in lasting
    ]
    assert names == [["journal"], ["journal"]]


def test_every_pod_has_the_time_to_finish_what_it_has_begun() -> None:
    times = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        for each in MANIFEST
        if each["kind"] == "StatefulSet"
    }
    assert times["web"] >= 65
    assert times["worker"] >= 35


def pods() -> list[Any]:
    """Return the pods' specifications, wherever they are."""
    found = []
    for each in MANIFEST:
        spec = each.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            found.append(spec["template"]["spec"])
    return found
