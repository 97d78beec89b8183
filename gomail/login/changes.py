"""allauth's pages that change how a person gets in, each with its entry in the audit in the same transaction."""

from typing import Any

from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.socialaccount import views as social
from django.http import HttpResponse
from django.urls import path

from gomail.login import ways


class _Recorded:
    def form_valid(self, form: Any) -> HttpResponse:
        """Do what allauth does, once the form's codes and passwords are checked."""
        with ways.recorded(self.request.user):  # type: ignore[attr-defined]
            answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        return answer


def _recorded(view: Any) -> Any:
    page: Any = type(view.view_class.__name__, (_Recorded, view.view_class), {})
    return page.as_view()


# Before allauth's own: the first that matches counts.
urlpatterns = [
    path("2fa/totp/activate/", _recorded(totp.activate_totp)),
    path("2fa/totp/deactivate/", _recorded(totp.deactivate_totp)),
    path("2fa/recovery-codes/generate/", _recorded(recovery_codes.generate_recovery_codes)),
    path("2fa/webauthn/add/", _recorded(webauthn.add_webauthn)),
    path("2fa/webauthn/keys/<int:pk>/remove/", _recorded(webauthn.remove_webauthn)),
    path("2fa/webauthn/keys/<int:pk>/edit/", _recorded(webauthn.edit_webauthn)),
    path("3rdparty/", _recorded(social.connections), name="socialaccount_connections"),
]
