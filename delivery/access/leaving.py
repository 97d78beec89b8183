"""Teams that are being deleted: they get nothing new, and their pause does not end."""

from delivery.models import TeamDeletion


class Leaving(Exception):
    """This team is being deleted."""


def refuse(team: int) -> None:
    """Raise Leaving for a team whose deletion was ordered."""
    if TeamDeletion.objects.filter(team=team).exists():
        raise Leaving(Leaving.__doc__)
