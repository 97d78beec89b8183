"""The Celery app, used if CELERY_BROKER_URL is set: celery -A gomail worker, celery -A gomail beat.

It configures the queues and the workers. The tasks are in delivery/workers/celery_tasks.py, the reasons in
docs/decisions/0013.
"""

import os
from typing import Any

from celery import Celery, signals
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from kombu import Exchange, Queue

from delivery.files import output
from gomail import environment

output.tolerate_loss()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gomail.settings")
_URL = environment.text("CELERY_BROKER_URL")
_PREFIX = environment.text("CELERY_QUEUE_PREFIX", "gomail")
_EXCHANGE = Exchange(_PREFIX, type="direct")
_BY_THE_CLOCK = {"queue": f"{_PREFIX}.upkeep", "delivery_mode": "transient", "retry": False}


def _queue(lane: str, **arguments: Any) -> Queue:
    name = f"{_PREFIX}.{lane}"
    return Queue(name, _EXCHANGE, routing_key=name, queue_arguments=arguments)


app = Celery("gomail")
app.set_default()
app.autodiscover_tasks(["delivery.workers"], related_name="celery_tasks")
app.conf.update(
    broker_url=_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # a worker waits for its broker without a limit
    # For Redis: longer than two hand-overs, whose rounds begin no attempt after 25 s; and our own key prefix.
    broker_transport_options=(
        {"visibility_timeout": 300, "global_keyprefix": f"{_PREFIX}:", "socket_keepalive": True}
        if _URL.startswith("redis")
        else {}
    ),
    task_queues=[
        # Quorum queues survive the loss of a node, and need no "global QoS", which RabbitMQ deprecates.
        _queue("high", **{"x-queue-type": "quorum"}),
        _queue("normal", **{"x-queue-type": "quorum"}),
        _queue("bulk", **{"x-queue-type": "quorum"}),
        _queue("upkeep", **{"x-max-length": 6}),  # periodic tasks do not pile up while no worker runs
    ],
    task_default_queue=f"{_PREFIX}.normal",
    task_default_exchange=_PREFIX,
    task_create_missing_queues=False,
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_consumer="gomail.consumer:QuietConsumer",
    worker_prefetch_multiplier=1,
    worker_pool="threads",  # a hand-over waits for a provider, not for the CPU
    worker_concurrency=environment.number("WORKER_THREADS", 32, most=1_000),
    worker_enable_remote_control=False,  # would need extra queues for each worker
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,  # a hand-over that has begun is finished
    CELERY_DB_REUSE_MAX=2**62,  # connections are kept by CONN_MAX_AGE, as everywhere
    beat_scheduler="celery.beat.Scheduler",  # keeps no state: none is needed
    beat_schedule={
        name: {"task": f"delivery.{name}", "schedule": 5.0, "options": _BY_THE_CLOCK}
        for name in ("sweep", "check_providers", "try_suspects")
    },
)


@signals.worker_init.connect
def _prepare(sender: Any, **_: Any) -> None:
    """Run the system checks and prepare the process; refuse to start a worker that cannot work."""
    from delivery.monitoring import quotas
    from delivery.workers import loop
    from gomail import start  # not before: they need the settings, and the models

    if "thread" not in str(sender.pool_cls):
        raise SystemExit(
            "GoMail's workers must be threads, which share a heartbeat and a journal: omit --pool."
        )
    try:
        call_command("check")
        start.prepare()
        loop.guarded(quotas.ask_first, "The providers could not be asked for their quotas")
    except (CommandError, ImproperlyConfigured) as error:
        raise SystemExit(str(error)) from error
