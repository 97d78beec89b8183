"""The permits of one email for providers that have a quota."""

import logging

from delivery.db.outages import AWAY
from delivery.models import Email
from delivery.routing import governor
from delivery.routing.governor import Permit
from delivery.routing.lines import Slot
from delivery.routing.policy import Refusal
from providers.base import Provider

logger = logging.getLogger(__name__)


class Permits:
    """Takes them, and gives back what is not used."""

    def __init__(self, email: Email, recipients: int, permit: Permit) -> None:
        """Take the email, how many it goes to, and the permit with which it comes."""
        self._email, self._recipients, self._permit = email, recipients, permit
        self._slots: dict[str, Slot] = {}
        self._at_call = permit.waits_at_call  # of the first provider; what follows has a thread of its own
        self.wants_to_stay = False  # a provider is worth coming back for: do not ask the next one

    def take(self, provider: Provider) -> Refusal | None:
        """Wait for a permit for a provider, a second at most; return why there is none. It can be repeated."""
        self.drop(provider)
        try:
            slot = self._slot(provider)
        except governor.Used:
            return self._refusal(provider)
        except governor.Busy:
            refusal = self._refusal(provider)
            self.wants_to_stay = self._permit.stays and refusal.until < self._email.expires_at
            return refusal
        if slot:
            self._slots[provider.name] = slot
            if not self._at_call:
                governor.wait_for(slot)
        return None

    def begin(self, provider: Provider) -> None:
        """Wait once more if its moment has passed for too long since; from now on it is used."""
        slot, at_call, self._at_call = self._slots.pop(provider.name, None), self._at_call, False
        try:
            if slot and at_call:
                governor.wait_for(slot)
            if slot:
                governor.renewed(provider, slot, self._email.priority)
        except AWAY:  # an attempt that is durable would be in doubt, and nobody was asked
            logger.warning("The database is away: %s is asked a little too early", provider.name)

    def drop(self, provider: Provider) -> None:
        """Give back the permit for a provider that is not called after all."""
        if slot := self._slots.pop(provider.name, None):
            governor.give_back(provider, slot)

    def _slot(self, provider: Provider) -> Slot | None:
        prepared = self._permit.use(provider, self._recipients)
        return prepared or governor.reserve(provider, self._recipients, self._email.priority)

    def _refusal(self, provider: Provider) -> Refusal:
        return governor.refusal(provider, self._recipients, self._email.priority)
