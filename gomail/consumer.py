"""The consumer of a Celery worker: it declares no unneeded queues and does not communicate with other workers."""

from typing import Any

from celery.worker.consumer import Consumer


class QuietConsumer(Consumer):  # type: ignore[misc]
    """Celery's consumer without the 28 queues for tasks with a date and the two for messages between workers."""

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        default_steps = [
            step
            for step in Consumer.Blueprint.default_steps
            if step != "celery.worker.consumer.delayed_delivery:DelayedDelivery"
        ]

    def __init__(self, *args: Any, **options: Any) -> None:
        quiet = {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
        super().__init__(*args, **options | quiet)
