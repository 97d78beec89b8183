"""The Django project: settings, urls, wsgi. Wiring, no behaviour."""

from importlib import import_module
from importlib.util import find_spec

from gomail import environment

__version__ = "0.1.0"

# Where there is a broker every process knows the app: it sends messages. A check says when Celery is missing.
if environment.text("CELERY_BROKER_URL") and find_spec("celery"):
    import_module("gomail.celery")
