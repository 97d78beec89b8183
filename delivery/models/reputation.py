"""What vendors tell of a team's mail."""

from django.db import models

from delivery.models.access import Team


class MailHour(models.Model):
    """How many recipients of a team's mail vendors told of in one hour, each once."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    hour = models.BigIntegerField()  # since the epoch, by the database's clock
    accepted = models.BigIntegerField(default=0)
    delivered = models.BigIntegerField(default=0)
    bounced = models.BigIntegerField(default=0)  # for good
    complained = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "hour"], name="mail_hour_once")]

    def __str__(self) -> str:
        return f"{self.team} in hour {self.hour}"
