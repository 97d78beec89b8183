"""The paths of the API."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, path, re_path

from api import (
    audit,
    batches,
    cancelling,
    changes,
    docs,
    erasures,
    events,
    health,
    me,
    members,
    metrics,
    providers,
    resending,
    suppressions,
    unsubscribe,
    views,
)
from api.api_keys import views as api_keys
from api.audience import contacts, groups, imports
from api.compat import short_form
from api.library import signatures
from api.library import views as library
from api.mailings import actions as mailing_actions
from api.mailings import views as mailings
from api.webhooks import views as webhooks
from delivery.models import Template

V1 = "api/v1/email-service/"


def _either(route: str, view: Any, name: str) -> Iterator[URLPattern]:
    """Yield the path, and the same without its slash at the end: a redirect to it would lose the body of a POST."""
    yield path(route, view, name=name)
    yield path(route.removesuffix("/"), view)


def _library(kind: str) -> Iterator[URLPattern]:
    """Yield the paths of templates, of layouts, or of partials."""
    one = f"{V1}{kind}s/<str:id>/"
    yield from _either(f"{V1}{kind}s/", library.Templates.as_view(kind=kind), f"{kind}s")
    yield from _either(one, library.OneTemplate.as_view(kind=kind), kind)
    yield from _either(f"{one}versions/", library.Versions.as_view(kind=kind), f"{kind}-versions")
    yield from _either(
        f"{one}versions/<str:number>/", library.OneVersion.as_view(kind=kind), f"{kind}-version"
    )
    yield from _either(f"{one}publish/", library.Publish.as_view(kind=kind), f"publish-{kind}")
    yield from _either(f"{one}render/", library.Render.as_view(kind=kind), f"render-{kind}")


urlpatterns = [
    *_either(V1 + "send-email/", views.SendEmail.as_view(), "send-email"),
    *_either(V1 + "send-mail/", views.SendMail.as_view(), "send-mail"),
    *_either(V1 + "emails/", views.Emails.as_view(), "emails"),
    *_either(V1 + "emails/cancel/", cancelling.CancelEmails.as_view(), "cancel-emails"),
    *_either(V1 + "emails/resend/", resending.ResendEmails.as_view(), "resend-emails"),
    *_either(V1 + "emails/<str:id>/", changes.OneEmail.as_view(), "email"),
    *_either(V1 + "emails/<str:id>/cancel/", changes.CancelEmail.as_view(), "cancel"),
    *_either(V1 + "emails/<str:id>/resend/", changes.ResendEmail.as_view(), "resend"),
    *_either(V1 + "emails/<str:id>/events/", events.Timeline.as_view(), "email-events"),
    *_either(V1 + "events/<str:account>/", events.EventsIn.as_view(), "events"),
    *_either(V1 + "batches/", batches.Batches.as_view(), "batches"),
    *_either(V1 + "suppressions/", suppressions.Suppressions.as_view(), "suppressions"),
    *_either(V1 + "suppressions/import/", suppressions.SuppressionImport.as_view(), "suppressions-import"),
    *_either(V1 + "suppressions/export/", suppressions.SuppressionExport.as_view(), "suppressions-export"),
    *_either(V1 + "suppressions/<path:named>/", suppressions.OneSuppression.as_view(), "suppression"),
    *_either(V1 + "erasures/", erasures.Erasures.as_view(), "erasures"),
    *_either(V1 + "erasures/<str:id>/", erasures.OneErasure.as_view(), "erasure"),
    *_either(V1 + "people/", erasures.People.as_view(), "people"),
    *_either(V1 + "contacts/", contacts.Contacts.as_view(), "contacts"),
    *_either(V1 + "contacts/export/", contacts.ContactExport.as_view(), "contacts-export"),
    *_either(V1 + "contacts/<str:id>/", contacts.OneContact.as_view(), "contact"),
    *_either(V1 + "groups/", groups.Groups.as_view(), "groups"),
    *_either(V1 + "groups/<str:id>/", groups.OneGroup.as_view(), "group"),
    *_either(V1 + "groups/<str:id>/members/", groups.Members.as_view(), "group-members"),
    *_either(V1 + "groups/<str:id>/members/<str:contact>/", groups.OneMember.as_view(), "group-member"),
    *_either(V1 + "imports/", imports.Imports.as_view(), "imports"),
    *_either(V1 + "imports/<str:id>/", imports.OneImport.as_view(), "import"),
    *_either(V1 + "imports/<str:id>/rejects/", imports.Rejects.as_view(), "rejects"),
    *_either(V1 + "imports/<str:id>/run/", imports.Run.as_view(), "run-import"),
    *_either(V1 + "imports/<str:id>/pause/", imports.Pause.as_view(), "pause-import"),
    *_either(V1 + "imports/<str:id>/resume/", imports.Resume.as_view(), "resume-import"),
    *_either(V1 + "imports/<str:id>/cancel/", imports.Cancel.as_view(), "cancel-import"),
    *_either(V1 + "imports/<str:id>/undo/", imports.Undo.as_view(), "undo-import"),
    *_either(V1 + "mailings/", mailings.Mailings.as_view(), "mailings"),
    *_either(V1 + "mailings/<str:id>/", mailings.OneMailing.as_view(), "mailing"),
    *_either(V1 + "mailings/<str:id>/recipients/", mailings.Recipients.as_view(), "mailing-recipients"),
    *_either(V1 + "mailings/<str:id>/check/", mailing_actions.Check.as_view(), "check-mailing"),
    *_either(V1 + "mailings/<str:id>/test/", mailing_actions.Test.as_view(), "test-mailing"),
    *_either(V1 + "mailings/<str:id>/start/", mailing_actions.Start.as_view(), "start-mailing"),
    *_either(V1 + "mailings/<str:id>/pause/", mailing_actions.Pause.as_view(), "pause-mailing"),
    *_either(V1 + "mailings/<str:id>/resume/", mailing_actions.Resume.as_view(), "resume-mailing"),
    *_either(V1 + "mailings/<str:id>/cancel/", mailing_actions.Cancel.as_view(), "cancel-mailing"),
    *_either(V1 + "mailings/<str:id>/retry/", mailing_actions.Retry.as_view(), "retry-mailing"),
    *_either(V1 + "providers/", providers.Providers.as_view(), "providers"),
    *_either(V1 + "keys/", api_keys.Keys.as_view(), "keys"),
    *_either(V1 + "keys/<str:id>/", api_keys.OneKey.as_view(), "key"),
    *_either(V1 + "keys/<str:id>/rotate/", api_keys.RotateKey.as_view(), "rotate-key"),
    *_either(V1 + "keys/<str:id>/pause/", api_keys.PauseKey.as_view(), "pause-key"),
    *_either(V1 + "keys/<str:id>/resume/", api_keys.ResumeKey.as_view(), "resume-key"),
    *_either(V1 + "audit/", audit.Audit.as_view(), "audit"),
    *_either(V1 + "me/", me.Me.as_view(), "me"),
    *_either(V1 + "members/", members.Members.as_view(), "members"),
    *_either(V1 + "members/<str:id>/", members.OneMember.as_view(), "member"),
    *_either(V1 + "members/invitations/<str:id>/", members.OneInvitation.as_view(), "invitation"),
    *_either(V1 + "webhooks/", webhooks.Endpoints.as_view(), "webhooks"),
    *_either(V1 + "webhooks/<str:id>/", webhooks.OneEndpoint.as_view(), "webhook"),
    *_either(V1 + "webhooks/<str:id>/rotate/", webhooks.Rotate.as_view(), "rotate-webhook"),
    *_either(V1 + "webhooks/<str:id>/test/", webhooks.SendTest.as_view(), "test-webhook"),
    *_either(V1 + "webhooks/<str:id>/calls/", webhooks.Calls.as_view(), "webhook-calls"),
    *_either(V1 + "webhooks/<str:id>/calls/<str:call>/replay/", webhooks.ReplayCall.as_view(), "replay-call"),
    *_either(V1 + "webhooks/<str:id>/replay/", webhooks.ReplayRange.as_view(), "replay-webhook"),
    *(path for kind in Template.Kind for path in _library(kind)),
    *_either(V1 + "signatures/", signatures.Signatures.as_view(), "signatures"),
    *_either(V1 + "signatures/<str:id>/", signatures.OneSignature.as_view(), "signature"),
    *_either(V1 + "signatures/<str:id>/preview/", signatures.Preview.as_view(), "preview-signature"),
    *_either(V1, docs.Root.as_view(), "root"),
    *_either(V1 + "schema/", docs.Schema.as_view(), "schema"),
    *_either(V1 + "docs/", docs.Docs.as_view(), "docs"),
    *_either(V1 + "error-codes/", docs.ErrorCodes.as_view(), "error-codes"),
    path("u/<str:token>", unsubscribe.Unsubscribe.as_view(), name="unsubscribe"),
    path("email", short_form.PostEmail.as_view(), name="post-email"),
    path("health/live", health.Live.as_view(), name="health-live"),
    path("health/ready", health.Ready.as_view(), name="health-ready"),
    path("metrics", metrics.show, name="metrics"),
    re_path(r"^api(?:/[\s\S]*)?$", docs.UnknownPath.as_view()),
]
