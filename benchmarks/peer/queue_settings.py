"""Peer b with its job in a queue: of django-tasks-db where that is installed, or of Celery."""

from importlib.util import find_spec

from benchmarks.peer.settings import *  # noqa: F403
from benchmarks.peer.settings import INSTALLED_APPS

if find_spec("django_tasks"):  # without it django-tasks-db asks for Django 6
    INSTALLED_APPS += ["django_tasks", "django_tasks_db"]
    TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
