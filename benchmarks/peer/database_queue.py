"""The job as a task of django-tasks-db."""

from django_tasks import task

from benchmarks.peer import job


@task()
def send(pk: int) -> None:
    job.send(pk)
