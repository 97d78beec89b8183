"""What deploy/ says is true: its variables are known, its commands start, send an email, and stop in their time."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.body_limit import MAX_BODY_BYTES
from tests import brokers, fakes
from tests.faults import processes
from tests.faults.installation import Databases
from tests.paths import ROOT
from tests.servers import free_port, listening

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
GOMAIL = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "gomail"}


def variables(path: Path) -> set[str]:
    lines = [line.lstrip("# ") for line in path.read_text().splitlines() if "=" in line]
    return {line.partition("=")[0] for line in lines if line[0].isupper()}


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


KNOWN = variables(ROOT / ".env.example")
eventually = partial(processes.eventually, seconds=300.0)  # the slowest machine


@pytest.mark.parametrize("name", GOMAIL)
def test_every_variable_of_a_service_is_one_that_is_explained(name: str) -> None:
    assert {variable.removesuffix("_FILE") for variable in GOMAIL[name]["environment"]} <= KNOWN


def test_every_variable_of_the_example_is_one_that_is_explained() -> None:
    assert variables(DEPLOY / "gomail.env.example") <= KNOWN


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_no_secret_stands_in_the_file(name: str) -> None:
    environment = COMPOSE["services"][name].get("environment", {})
    assert [key for key in environment if key.endswith(("KEY", "PASSWORD", "SECRET", "URL"))] == []


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_secret_and_volume_of_a_service_is_declared(name: str) -> None:
    service = COMPOSE["services"][name]
    secrets = {one if isinstance(one, str) else one["source"] for one in service.get("secrets", [])}
    assert secrets <= set(COMPOSE["secrets"])
    assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"])


def test_every_configuration_of_a_service_is_a_file() -> None:
    used = {one["source"] for service in COMPOSE["services"].values() for one in service.get("configs", [])}
    assert used == set(COMPOSE["configs"])
    assert all((DEPLOY / one["file"]).is_file() for one in COMPOSE["configs"].values())


def test_clamd_takes_the_largest_file_and_ends_before_it_is_given_up() -> None:
    lines = (DEPLOY / "clamd.conf").read_text().splitlines()
    said = dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    assert int(said["StreamMaxLength"].removesuffix("M")) * 1024 * 1024 > 7 * 1024 * 1024
    assert int(said["MaxScanTime"]) < 10_000
    assert said["TCPSocket"] == "3310"
    assert "CLAMD_URL=tcp://clamd:3310" in (DEPLOY / "gomail.env.example").read_text()


def test_every_process_shares_attachments_and_journal() -> None:
    assert {tuple(service["volumes"]) for service in GOMAIL.values()} == {
        ("attachments:/var/lib/gomail/attachments", "journal:/var/lib/gomail/journal")
    }


def test_every_process_has_time_to_finish_what_it_has_begun() -> None:
    assert seconds(GOMAIL["web"]["stop_grace_period"]) >= 65
    assert all(
        seconds(GOMAIL[name]["stop_grace_period"]) >= 35 for name in ("worker", "worker-high", "worker-bulk")
    )


def megabytes(size: str) -> int:
    return int(size.removesuffix("m"))


def test_the_temporary_files_of_all_requests_have_room() -> None:
    web = GOMAIL["web"]
    mount = web["tmpfs"][0]
    requests = int(web["environment"]["WEB_CONCURRENCY"]) * int(web["environment"]["WEB_THREADS"])
    largest = MAX_BODY_BYTES + 7 * 1024 * 1024
    room = megabytes(re.fullmatch(r"/tmp:size=(\d+m),mode=1777", mount).group(1))  # type: ignore[union-attr]
    assert room * 1024 * 1024 >= requests * largest


def test_no_container_may_fill_the_hosts_memory_with_temporary_files() -> None:
    assert [name for name, service in GOMAIL.items() if ":size=" not in service["tmpfs"][0]] == []


def test_the_proxy_on_the_host_is_the_one_that_is_trusted() -> None:
    (network,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    assert GOMAIL["web"]["environment"]["GOMAIL_TRUSTED_PROXIES"] == network["gateway"]
    assert all(port.startswith("127.0.0.1:") for port in GOMAIL["web"]["ports"])


def test_every_image_can_be_pinned_by_its_digest() -> None:
    images = [service["image"] for service in COMPOSE["services"].values() if service["image"] != "gomail"]
    assert all(
        re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[\w./-]+:\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?\}", image)
        for image in images
    )
    assert "FROM ${PYTHON_IMAGE}" in (DEPLOY / "Dockerfile").read_text()
    assert set(COMPOSE["x-gomail"]["build"]["args"]) == {"PYTHON_IMAGE"}
    default = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert default is not None
    assert default[1] in COMPOSE["x-gomail"]["build"]["args"]["PYTHON_IMAGE"]


def test_the_image_gets_every_package_and_no_other_file() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = {word for line in dockerfile if line.startswith("COPY") for word in line.split()[1:-1]}
    needed = {"manage.py", "gomail", "api", "delivery", "providers"}
    assert copied == needed | {f"requirements/{name}.txt" for name in ("base", "celery", "xlsx", "alerts")}


def test_secrets_are_made_once_and_fit_together(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "make-secrets", tmp_path)
    for _ in range(2):
        subprocess.run([tmp_path / "make-secrets"], check=True)
        made = {path.name: path.read_text().strip() for path in (tmp_path / "secrets").iterdir()}

    assert {f"secrets/{name}" for name in made} == {one["file"] for one in COMPOSE["secrets"].values()}
    assert made["postgres_password"] in made["database_url"]
    assert made["rabbitmq.conf"].rpartition(" = ")[2] in made["celery_broker_url"]
    assert len(made["django_secret_key"]) >= 50


def test_docker_compose_understands_the_file(tmp_path: Path) -> None:
    asked = [shutil.which("docker") or "docker", "compose"]
    version = [*asked, "version"]
    if not shutil.which("docker") or subprocess.run(version, check=False, capture_output=True).returncode:
        pytest.skip("There is no `docker compose` here to ask.")
    shutil.copytree(DEPLOY, tmp_path / "deploy", dirs_exist_ok=True)
    shutil.copy(DEPLOY / "gomail.env.example", tmp_path / "deploy" / "gomail.env")
    subprocess.run(
        [*asked, "--file", str(tmp_path / "deploy" / "compose.yaml"), "config", "--quiet"], check=True
    )


class Host:
    """The containers of GoMail as plain processes: their commands and variables are those of the file."""

    def __init__(self, folder: Path, database: str, broker: brokers.Broker, ses: fakes.FakeVendor) -> None:
        self.port, self.log = free_port(), folder / "log"
        self.prefix = broker.prefix
        secrets = {
            "django_secret_key": "x" * 50,
            "link_keys": "k" * 32,
            "tombstone_keys": "t" * 32,
            "database_url": database,
            "celery_broker_url": broker.url,
        }
        for name, secret in secrets.items():
            (folder / name).write_text(secret)
        self._here = {"/run/secrets": str(folder), "/var/lib/gomail": str(folder / "lib")}
        settings = {
            "API_KEY_REQUIRED": "false",
            "DJANGO_ALLOWED_HOSTS": "localhost",
            "GOMAIL_PROVIDERS": "ses",
        }
        self._own = {
            **fakes.variables(ses, None),
            **settings,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "CELERY_QUEUE_PREFIX": self.prefix,
        }

    def start(self, name: str) -> "subprocess.Popen[bytes]":
        binaries = str(Path(sys.executable).parent)
        path = {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
        set_here = {key: self._local(value) for key, value in GOMAIL[name]["environment"].items()}
        command = [self._local(word) for word in GOMAIL[name]["command"]]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, cwd=ROOT, env=os.environ | path | set_here | self._own, stdout=log, stderr=log
            )

    def is_healthy(self) -> bool:
        """Ask what the engine would ask."""
        check = GOMAIL["web"]["healthcheck"]["test"][2:]
        command = [sys.executable, *(word.replace(":8000", f":{self.port}") for word in check)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def _local(self, word: str) -> str:
        for there, here in self._here.items():
            word = word.replace(there, here)
        return re.sub(r"\bgomail\.(?=high|normal|bulk|upkeep)", f"{self.prefix}.", word)

    def ask(self, path: str, body: Any = None, **headers: str) -> Any:
        data = json.dumps(body).encode() if body else None
        url = f"http://localhost:{self.port}{path}"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.load(reply)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    made = Databases(os.environ.get("TEST_DATABASE_URL", ""), tmp_path)
    with made.fresh() as url:
        yield url
    made.close()


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.broker
def test_the_commands_start_send_an_email_and_stop_in_their_time(
    tmp_path: Path, database: str, ses: fakes.FakeVendor
) -> None:
    with brokers.fresh("rabbitmq") as broker, ExitStack() as ending:
        host = Host(tmp_path, database, broker, ses)
        assert host.start("migrate").wait(300) == 0
        running = {name: host.start(name) for name in GOMAIL if name != "migrate"}
        for process in running.values():
            ending.callback(process.wait)
            ending.callback(process.kill)
        eventually(lambda: listening(host.port) and host.is_healthy())  # the check is a process of its own
        emails = [send(host, priority) for priority in ("high", "normal")]
        eventually(lambda: all(status(host, pk) == "sent" for pk in emails))
        begun = time.monotonic()
        for process in running.values():
            process.send_signal(signal.SIGTERM)
        assert {name: process.wait(35) for name, process in running.items()} == dict.fromkeys(running, 0)
        assert time.monotonic() - begun < 35


def send(host: Host, priority: str) -> str:
    body = {"to_addresses": "ann@example.org", "subject": "Hello", "priority": priority}
    return str(host.ask(f"{fakes.V1}send-email/", body, Prefer="respond-async")["id"])


def status(host: Host, pk: str) -> str:
    return str(host.ask(f"{fakes.V1}emails/{pk}/")["status"])
