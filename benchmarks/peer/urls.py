from django.urls import path

from benchmarks.peer.views import SendEmail

urlpatterns = [path("api/v1/email-service/send-email/", SendEmail.as_view())]
