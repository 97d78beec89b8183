"""The Django project: settings, urls, wsgi. Wiring, no behaviour."""

__version__ = "0.1.0"
