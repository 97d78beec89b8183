"""The record."""

from delivery.models.access import ApiKey, Owner
from delivery.models.circuit import Circuit, CircuitChange
from delivery.models.email import Attachment, Attempt, Email, Recipient, Tag

__all__ = [
    "ApiKey",
    "Attachment",
    "Attempt",
    "Circuit",
    "CircuitChange",
    "Email",
    "Owner",
    "Recipient",
    "Tag",
]
