"""The clients: how each is run, and how one sees whether this machine has it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("programs")
WITHOUT_PROGRAM = (
    ".NET HttpClient",
    "Ruby Faraday",
    "PHP Guzzle",
)  # people come from them, too; untried here
PATIENCE = 120.0  # seconds for one request; a compiler may run first


@dataclass(frozen=True, kw_only=True)
class Client:
    """A program that sends one request."""

    name: str
    command: Sequence[str]  # the file with the request is its last argument
    needs: Sequence[str]  # commands that succeed where the client is installed

    def is_here(self) -> bool:
        """Tell whether this machine has what it needs."""
        return all(map(_succeeds, self.needs))

    def send(self, request: Path) -> str:
        """Send the request; return status and answer in one text."""
        command = [*self.command, str(request)]
        done = subprocess.run(
            command, cwd=FOLDER, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        return done.stdout.strip() or f"no answer: {done.stderr.strip()[-300:]}"


def clients(folder: Path) -> Iterator[Client]:
    """Yield them all; what must be compiled first is, into the folder."""
    yield Client(name="curl", command=["sh", "curl.sh"], needs=["curl --version", "base64 --version"])
    for name in ("requests", "httpx", "aiohttp"):
        yield _python(name, f"{name}_client.py")
    yield _python("urllib", "urllib_client.py")
    yield Client(name="Node fetch", command=["node", "fetch.mjs"], needs=["node -e 'FormData'"])
    axios = (
        f'node -e \'require("node:module").createRequire("{os.environ.get("AXIOS_FROM", ".")}/")("axios")\''
    )
    yield Client(name="axios", command=["node", "axios.mjs"], needs=[axios])
    yield Client(
        name="Go", command=[str(folder / "client-go")], needs=[f"go build -o {folder}/client-go client.go"]
    )
    yield Client(
        name="PHP",
        command=["php", "client.php"],
        needs=["php -r 'exit(function_exists(\"curl_init\") ? 0 : 1);'"],
    )
    yield Client(name="Ruby", command=["ruby", "client.rb"], needs=["ruby --version"])
    yield Client(
        name="Java", command=["java", "-cp", str(folder), "Client"], needs=[f"javac -d {folder} Client.java"]
    )
    yield Client(name="Perl LWP", command=["perl", "client.pl"], needs=["perl -MLWP::UserAgent -e 1"])


def _python(name: str, program: str) -> Client:
    module = "sys" if name == "urllib" else name
    needs = [f"{sys.executable} -c 'import {module}'"]
    return Client(name=name, command=[sys.executable, program], needs=needs)


def _succeeds(command: str) -> bool:
    if shutil.which(command.split(" ", 1)[0]) is None:
        return False
    environment = os.environ | {"GO111MODULE": "off"}
    done = subprocess.run(
        command, shell=True, cwd=FOLDER, env=environment, capture_output=True, timeout=600, check=False
    )
    return done.returncode == 0
