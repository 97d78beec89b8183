"""The HTTP server's own configuration, with everything loaded before the fork: a killed process is back at once."""

from gomail.gunicorn import *  # noqa: F403 - gunicorn reads the names of a module

preload_app = True
