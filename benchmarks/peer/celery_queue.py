"""The job as a task of Celery."""

import os

import django
from celery import Celery

app = Celery("peer", broker=os.environ["BENCH_BROKER_URL"], set_as_current=True)
app.conf.update(task_default_queue=os.environ["BENCH_QUEUE"], task_ignore_result=True)
django.setup()


@app.task
def send(pk: int) -> None:
    from benchmarks.peer import job

    job.send(pk)
