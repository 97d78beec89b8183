"""The settings of processes that import contacts: no pages, no API, no vendors, half of the memory."""

from gomail.settings import *  # noqa: F403

INSTALLED_APPS = [
    "delivery.apps.ImportsConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
]
