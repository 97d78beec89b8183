"""What people know of already: a cause for which emails failed, up to some email."""

from django.db import models

from delivery.db import clock
from delivery.models.access import Team


class Acknowledgement(models.Model):
    """A person knows of this cause in this team; what fails for it later is shown again."""

    # None: of the emails that are nobody's
    team = models.ForeignKey(Team, null=True, on_delete=models.CASCADE, related_name="acknowledgements")
    cause = models.CharField(max_length=32)  # a digest of status and reason, see monitoring/causes
    until = models.UUIDField()  # the newest email that was meant
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "cause"], name="acknowledged_once")]

    def __str__(self) -> str:
        return f"{self.cause} of {self.team}, known to {self.by}"
