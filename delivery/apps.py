"""The Django application."""

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created

from providers import failpoints


class DeliveryConfig(AppConfig):
    """The email log, and the delivery of emails."""

    name = "delivery"
    verbose_name = "Email"

    def ready(self) -> None:
        """Register the system checks, and what every new connection needs; arm the failpoints of a fault run."""
        from delivery import checks  # noqa: F401
        from delivery.db import session
        from delivery.queue import watermark

        connection_created.connect(session.prepare)
        connection_created.connect(watermark.connected)
        failpoints.arm(settings.GOMAIL_FAILPOINTS)
