"""The Django application."""

import codecs

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created

from providers import failpoints

# Read from Python's files when first used. When a process has no file left they are needed for a warning of Django or
# the name of a host, and what cannot be read then stays an unknown encoding.
_CODECS = ("idna", "punycode", "unicode_escape", "latin-1", "ascii")


class DeliveryConfig(AppConfig):
    """The email log, and the delivery of emails."""

    default = True
    name = "delivery"
    verbose_name = "Email"

    def ready(self) -> None:
        """Register the system checks, and what every new connection needs; arm the failpoints of a fault run."""
        from delivery import checks  # noqa: F401

        self.prepare()

    def prepare(self) -> None:
        """Register what every new connection needs; arm the failpoints of a fault run."""
        from delivery.db import session
        from delivery.queue import watermark

        connection_created.connect(session.prepare)
        connection_created.connect(watermark.connected)
        for name in _CODECS:
            codecs.lookup(name)
        failpoints.arm(settings.GOMAIL_FAILPOINTS)


class ImportsConfig(DeliveryConfig):
    """The same in a process that imports contacts: without system checks, which load all vendors' libraries."""

    default = False

    def ready(self) -> None:
        """Register what every new connection needs."""
        self.prepare()
