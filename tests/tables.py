"""All rows of ours, to see whether anything has changed."""

from typing import Any

from django.apps import apps
from django.contrib.auth.models import User

from delivery.models import KeyDay

USED = ("last_used_at", "last_login")  # by each request, and by each login


def snapshot() -> dict[str, list[dict[str, Any]]]:
    """Return them, without those that count requests."""
    ours = apps.get_app_config("delivery").get_models()
    models = [User, *(model for model in ours if model is not KeyDay)]
    rows = {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}
    return {
        name: [{field: value for field, value in row.items() if field not in USED} for row in some]
        for name, some in rows.items()
    }
