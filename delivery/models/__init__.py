"""The database's tables."""

from delivery.models.access import ApiKey, KeyDay, Team
from delivery.models.attempt import Attempt
from delivery.models.audit import AuditEntry
from delivery.models.circuit import Circuit, CircuitChange
from delivery.models.contact import Contact, Group, Membership
from delivery.models.deletion import TeamDeletion
from delivery.models.email import Attachment, Email, Recipient, Tag
from delivery.models.erasure import Erasure
from delivery.models.event import EventToken, ProviderEvent
from delivery.models.idempotency import IdempotencyKey
from delivery.models.imports import Import, ImportReject
from delivery.models.incident import Alert, DrillResult, Incident, Lookout
from delivery.models.library import Signature, SignatureImage, Template, TemplateVersion
from delivery.models.limits import Limits, UsedMinute
from delivery.models.lineage import Lineage, Watermark
from delivery.models.mailing import Mailing, MailingRecipient
from delivery.models.member import Invitation, Member, Newcomer
from delivery.models.quota import ProviderQuota
from delivery.models.readiness import ProviderCheck
from delivery.models.reputation import MailHour
from delivery.models.suppression import SoftBounce, Suppression, UnsubscribeLink, VendorList
from delivery.models.tries import Tries
from delivery.models.trouble import Acknowledgement
from delivery.models.webhook import WebhookCall, WebhookEndpoint, WebhookMessage
from delivery.models.worker import Worker

__all__ = [
    "Acknowledgement",
    "Alert",
    "ApiKey",
    "Attachment",
    "Attempt",
    "AuditEntry",
    "Circuit",
    "CircuitChange",
    "Contact",
    "DrillResult",
    "Email",
    "Erasure",
    "EventToken",
    "Group",
    "IdempotencyKey",
    "Import",
    "ImportReject",
    "Incident",
    "Invitation",
    "KeyDay",
    "Limits",
    "Lineage",
    "Lookout",
    "MailHour",
    "Mailing",
    "MailingRecipient",
    "Member",
    "Membership",
    "Newcomer",
    "ProviderCheck",
    "ProviderEvent",
    "ProviderQuota",
    "Recipient",
    "Signature",
    "SignatureImage",
    "SoftBounce",
    "Suppression",
    "Tag",
    "Team",
    "TeamDeletion",
    "Template",
    "TemplateVersion",
    "Tries",
    "UnsubscribeLink",
    "UsedMinute",
    "VendorList",
    "Watermark",
    "WebhookCall",
    "WebhookEndpoint",
    "WebhookMessage",
    "Worker",
]
