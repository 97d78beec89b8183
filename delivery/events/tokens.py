"""One-time tokens: a vendor whose signature leaves the body out signs a token, which belongs to the first body."""

import hashlib
from collections.abc import Sequence

from delivery.db.inserts import InsertNew
from delivery.models import EventToken
from providers.events import Binding, Forged

_written = InsertNew(EventToken)


def bind(account: str, bindings: Sequence[Binding]) -> None:
    """Bind the tokens in the caller's transaction; raise Forged if one was seen with another body."""
    for binding in bindings:
        token = hashlib.sha256(binding.token.encode()).hexdigest()
        _written.run_new([EventToken(account=account, token=token, digest=binding.digest)])
        seen = EventToken.objects.values_list("digest", flat=True).get(account=account, token=token)
        if seen != binding.digest:
            raise Forged("Its token was used before, with another body.")
