"""How often something was tried that may be tried a few times: a password, a code, a link by mail."""

from django.db import models


class Tries(models.Model):
    """What was counted in one window, by a keyed hash: neither an address nor a user can be read here."""

    name = models.CharField(max_length=64, primary_key=True)  # see delivery/access/tries.py
    number = models.PositiveIntegerField()
    until = models.DateTimeField(db_index=True)  # the end of the window, or of the lock once all are used

    class Meta:
        verbose_name_plural = "tries"

    def __str__(self) -> str:
        return f"{self.number} tries until {self.until}"
