"""The Django project: settings, urls, wsgi and the server. Wiring only."""

import os
from importlib import import_module
from importlib.util import find_spec

from gomail import environment

__version__ = "0.1.0"

# Every process imports this first. What it writes is for its user alone: attachments, uploads, journal, SQLite's files.
os.umask(0o077)

# With a broker every process needs the Celery app, to publish messages. A check reports a missing Celery.
if environment.text("CELERY_BROKER_URL") and find_spec("celery"):
    import_module("gomail.celery")
