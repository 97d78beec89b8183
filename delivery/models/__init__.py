"""The record."""

from delivery.models.access import ApiKey, Owner
from delivery.models.email import Attachment, Attempt, Email, Recipient, Tag

__all__ = ["ApiKey", "Attachment", "Attempt", "Email", "Owner", "Recipient", "Tag"]
