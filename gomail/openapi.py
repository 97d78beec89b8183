"""What the OpenAPI document and its page say of themselves, and how they are made."""

from typing import Any, Final

DOCUMENT: Final[dict[str, Any]] = {
    "TITLE": "GoMail",
    "VERSION": "1",
    "DESCRIPTION": "Hand over an email once; GoMail writes it down and finds a provider that delivers it.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "PREPROCESSING_HOOKS": ["api.docs.each_path_once"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "api.docs.forms_are_required",
        "api.docs.resources_are_described",
        "api.error_examples.added",
    ],
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "docExpansion": "none",
        "filter": True,
        "persistAuthorization": False,
    },
    "ENUM_NAME_OVERRIDES": {
        "EmailStatus": "delivery.models.Email.Status",
        "RecipientStatus": "delivery.models.Recipient.Status",
        "SuppressionKind": "delivery.models.Suppression.Kind",
        "MembershipStatus": "delivery.models.Membership.Status",
        "ImportStatus": "delivery.models.Import.Status",
        "SignatureKind": "delivery.models.Signature.Kind",
        "MailingState": "delivery.models.Mailing.State",
        "MailingRecipientState": "delivery.models.MailingRecipient.State",
    },
}
