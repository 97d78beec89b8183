"""Signatures of webhooks by Standard Webhooks 1.0.0, so that receivers can verify them with any of its libraries."""

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Final

_PREFIX: Final = "whsec_"
_BYTES: Final = 32  # the standard asks for 24 to 64
_TWINS: Final = ("webhook", "svix")  # verifiers of Svix's and Resend's libraries read the second


def new_secret() -> str:
    """Return a new random secret in the form that receivers configure."""
    return _PREFIX + b64encode(os.urandom(_BYTES)).decode()


def headers(message: str, body: bytes, *, at: datetime, secrets: Sequence[str]) -> dict[str, str]:
    """Return the headers of one try; `at` is its own time, which receivers compare with theirs.

    Signed by each of the secrets, separated by blanks, so that a receiver may change its secret at any moment.
    """
    stamp = str(int(at.timestamp()))
    content = b".".join((message.encode(), stamp.encode(), body))
    signature = " ".join(f"v1,{_signature(secret, content)}" for secret in secrets)
    parts = {"id": message, "timestamp": stamp, "signature": signature}
    return {f"{prefix}-{name}": value for prefix in _TWINS for name, value in parts.items()}


def _signature(secret: str, content: bytes) -> str:
    key = b64decode(secret.removeprefix(_PREFIX))
    return b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
