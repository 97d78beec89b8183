"""Readiness of a Django backend that could be opened: Django has no way to ask a vendor."""

from collections.abc import Sequence

from providers.readiness import Readiness, Sender

_FREE = Sender(verified=True, detail="Anybody may send what is not delivered.")


def of_server(name: str, senders: Sequence[str], untold: Sender) -> Readiness:
    """Return the readiness of Django's own SMTP backend, which has connected and logged in."""
    return Readiness(provider=name, senders=dict.fromkeys(senders, untold))


def of_vendor(name: str, backend: str, senders: Sequence[str]) -> Readiness:
    """Return the readiness of a vendor's backend: opening it makes a session but no request."""
    unasked = (
        f"{name}: {backend} cannot be asked without sending. Its key, senders and quota were not looked at."
    )
    silent = Sender(verified=None, detail=f"{backend} cannot be asked without sending.")
    return Readiness(provider=name, warnings=(unasked,), senders=dict.fromkeys(senders, silent))


def of_development(name: str, backend: str, senders: Sequence[str]) -> Readiness:
    """Return the readiness of a development backend, which accepts all mail and delivers none."""
    warning = f"{name}: {backend} delivers nothing: it is for development."
    return Readiness(provider=name, warnings=(warning,), sandbox=True, senders=dict.fromkeys(senders, _FREE))
