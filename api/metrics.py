"""Metrics for Prometheus. They are the operator's: for whoever shows the token, or asks from a network of theirs."""

import hmac
from ipaddress import ip_address

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from delivery.monitoring import metrics

UNBELIEVED = "gomail.unbelieved"  # in META: who asks for whom was said by somebody who is not believed


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Answer with all of them, or as if there were none."""
    if not (_has_token(request) if settings.METRICS_SECRET else _is_near(request)):
        raise Http404
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(metrics.read(), content_type=metrics.CONTENT_TYPE, headers=headers)


def _has_token(request: HttpRequest) -> bool:
    shown = request.META.get("HTTP_AUTHORIZATION", "").encode()
    return hmac.compare_digest(shown, f"Bearer {settings.METRICS_SECRET}".encode())


def _is_near(request: HttpRequest) -> bool:
    """Tell whether the client is of an allowed network; not where it may hide behind a proxy that nobody has named."""
    if UNBELIEVED in request.META:
        return False
    try:
        client = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:  # of a Unix socket
        return False
    return any(client in network for network in settings.GOMAIL_METRICS_NETS)
