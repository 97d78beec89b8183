"""The brokers of this machine, and queues of a test's own in them."""

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from kombu import Connection

URLS = {
    "rabbitmq": os.environ.get("TEST_RABBITMQ_URL") or "amqp://guest:guest@127.0.0.1:5672/",
    "redis": os.environ.get("TEST_REDIS_URL") or "redis://127.0.0.1:6379/9",
}


@dataclass(frozen=True, kw_only=True)
class Broker:
    """A broker, and the prefix of queues that nobody else uses."""

    url: str
    prefix: str

    @property
    def variables(self) -> dict[str, str]:
        return {"CELERY_BROKER_URL": self.url, "CELERY_QUEUE_PREFIX": self.prefix}

    def messages(self, lane: str) -> int:
        """Count what waits in a lane."""
        with self._channel() as channel:
            return int(channel.queue_declare(f"{self.prefix}.{lane}", passive=True).message_count)

    def purge(self, lane: str) -> int:
        """Lose the messages of a lane, and return how many there were; none if it is not there yet."""
        with self._connection() as connection:
            try:
                return int(connection.default_channel.queue_purge(f"{self.prefix}.{lane}") or 0)
            except connection.channel_errors:
                return 0

    def tell(self, pk: str, *, times: int) -> None:
        """Put further messages of an email into the normal lane, in the form that Celery's protocol gives them."""
        with self._connection() as connection:
            for _ in range(times):
                headers = {"task": "delivery.hand_over", "id": str(uuid.uuid4()), "lang": "py"}
                connection.Producer().publish(
                    [[pk], {}, {}],
                    exchange=self.prefix,
                    routing_key=f"{self.prefix}.normal",
                    serializer="json",
                    headers=headers,
                )

    def clear_away(self) -> None:
        """Delete the queues and the exchange."""
        if self.url.startswith("redis"):
            self._delete_keys()
        else:
            with self._channel() as channel:
                for lane in ("high", "normal", "bulk", "upkeep"):
                    channel.queue_delete(f"{self.prefix}.{lane}")
                channel.exchange_delete(self.prefix)

    def _delete_keys(self) -> None:
        import redis

        with redis.Redis.from_url(self.url) as client:
            for key in client.scan_iter(f"{self.prefix}:*"):
                client.delete(key)

    def _connection(self) -> Any:
        return Connection(self.url, connect_timeout=5)

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        with self._connection() as connection:
            yield connection.default_channel


@contextmanager
def fresh(name: str) -> Iterator[Broker]:
    """Return a broker of this machine; where there is none, the test is left out or, in CI, fails."""
    url = urlsplit(URLS[name])
    try:
        socket.create_connection((url.hostname or "", url.port or 0), timeout=2).close()
    except OSError as error:
        reason = (
            f"NO BROKER: {name} does not answer at {url.hostname}:{url.port} ({error}): Celery was NOT tried."
        )
        (pytest.fail if os.environ.get("GOMAIL_TEST_EVERYTHING") == "1" else pytest.skip)(reason)
    broker = Broker(url=URLS[name], prefix=f"gomail-test-{uuid.uuid4().hex[:8]}")
    yield broker
    broker.clear_away()
