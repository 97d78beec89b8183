"""Every path of the service."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from gomail.login.invitations import invitation

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
    path("accounts/", include("gomail.login.urls")),
    path("invite/<slug:token>/", invitation, name="invitation"),
    path("", include("api.urls")),
]

handler400 = "api.errors.handler400"
handler403 = "gomail.login.views.forbidden"
handler404 = "api.errors.handler404"
handler500 = "api.errors.handler500"
