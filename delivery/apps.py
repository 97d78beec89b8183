"""The Django application."""

from django.apps import AppConfig
from django.conf import settings

from providers import failpoints


class DeliveryConfig(AppConfig):
    """The email log, and the delivery of emails."""

    name = "delivery"
    verbose_name = "Email"

    def ready(self) -> None:
        """Register the system checks; arm the failpoints of a fault run."""
        from delivery import checks  # noqa: F401

        failpoints.arm(settings.GOMAIL_FAILPOINTS)
