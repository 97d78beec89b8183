"""Receivers of webhooks, on loopback."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.providers.fault_server import FaultServer, answer, hang, reset

_MOODS = [
    answer(500),
    reset(),
    answer(429, headers={"Retry-After": "1"}),
    answer(302),
    answer(200),
    answer(200),
]


@dataclass(frozen=True, kw_only=True)
class Receivers:
    """One that takes all, one of moods, and one that hangs now and then."""

    servers: tuple[FaultServer, ...]

    @property
    def variables(self) -> Mapping[str, str]:
        return {
            "GOMAIL_WEBHOOK_ALLOWED_NETS": "127.0.0.1",
            "GOMAIL_WEBHOOK_PORTS": ",".join(str(server.port) for server in self.servers),
            "GOMAIL_WEBHOOK_SCHEDULE": "0," + ",".join(["0.5"] * 60),
        }


@contextmanager
def listening() -> Iterator[Receivers]:
    """Let them listen on loopback."""
    with ExitStack() as stack:
        good, moody, hanging = (stack.enter_context(FaultServer()) for _ in range(3))
        moody.script(*_MOODS * 60)
        hanging.script(*[hang(), *[answer(200)] * 60] * 4)
        yield Receivers(servers=(good, moody, hanging))
