"""How a Celery worker takes messages: it declares no queues that nothing needs, and does not talk to other workers."""

from typing import Any

from celery.worker.consumer import Consumer


class QuietConsumer(Consumer):  # type: ignore[misc]
    """Celery's own without its company: 28 queues for tasks with a date, and two for what workers tell each other."""

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        default_steps = [
            step
            for step in Consumer.Blueprint.default_steps
            if step != "celery.worker.consumer.delayed_delivery:DelayedDelivery"
        ]

    def __init__(self, *args: Any, **options: Any) -> None:
        quiet = {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
        super().__init__(*args, **options | quiet)
