"""Metrics for Prometheus. They are the operator's: for whoever shows the token, or asks from a network of theirs."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from delivery.monitoring import metrics

UNBELIEVED = "gomail.unbelieved"  # in META: who asks for whom was said by somebody who is not believed


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Answer with all of them, or as if there were none."""
    near = "" if UNBELIEVED in request.META else request.META.get("REMOTE_ADDR", "")
    if not metrics.may_be_read(request.META.get("HTTP_AUTHORIZATION", ""), near):
        raise Http404
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(metrics.read(), content_type=metrics.CONTENT_TYPE, headers=headers)
