"""Django's door to the domain."""

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    """The sent-email log and everything that fills it."""

    name = "delivery"
    verbose_name = "Email"

    def ready(self) -> None:
        """Register the system checks."""
        from delivery import checks  # noqa: F401
