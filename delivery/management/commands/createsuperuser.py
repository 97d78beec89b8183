"""manage.py createsuperuser: Django's own, on record."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.models import User

from delivery.access import users
from delivery.management import base


class Command(base.Command, createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        newest = User.objects.order_by("pk").values_list("pk", flat=True).last() or 0
        super().handle(*args, **options)
        # Not in the transaction of the change: none may be open while somebody types.
        for user in User.objects.filter(pk__gt=newest, is_superuser=True):
            after = {"name": user.username, "is_superuser": True}
            base.record("user.created", "user", str(user.pk), after)
            if users.clashes(user):
                self.stderr.write(f"{users.CLASH} Change one of them in the admin's Users.")
