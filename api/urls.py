"""The paths of the API."""

from django.urls import path, re_path

from api import batches, changes, docs, health, providers, views
from api.compat import short_form

V1 = "api/v1/email-service/"

urlpatterns = [
    path(V1 + "send-email/", views.SendEmail.as_view(), name="send-email"),
    path(V1 + "send-mail/", views.SendMail.as_view(), name="send-mail"),
    path(V1 + "emails/", views.Emails.as_view(), name="emails"),
    path(V1 + "emails/<str:id>/", changes.OneEmail.as_view(), name="email"),
    path(V1 + "emails/<str:id>/cancel/", changes.CancelEmail.as_view(), name="cancel"),
    path(V1 + "emails/<str:id>/resend/", changes.ResendEmail.as_view(), name="resend"),
    path(V1 + "batches/", batches.Batches.as_view(), name="batches"),
    path(V1 + "providers/", providers.Providers.as_view(), name="providers"),
    path(V1 + "schema/", docs.Schema.as_view(), name="schema"),
    path(V1 + "docs/", docs.Docs.as_view(), name="docs"),
    path(V1 + "error-codes/", docs.ErrorCodes.as_view(), name="error-codes"),
    path("email", short_form.PostEmail.as_view(), name="post-email"),
    path("health/live", health.Live.as_view(), name="health-live"),
    path("health/ready", health.Ready.as_view(), name="health-ready"),
    re_path(r"^api(?:/[\s\S]*)?$", docs.UnknownPath.as_view()),
]
