"""manage.py changepassword: Django's own, on record."""

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.models import User

from delivery.management import base


class Command(base.Command, changepassword.Command):
    def handle(self, *args: Any, **options: Any) -> Any:
        done = super().handle(*args, **options)
        name = options["username"] or getpass.getuser()
        user = User.objects.get(username=name)
        # Not in the transaction of the change: none may be open while somebody types.
        base.record("user.password_changed", "user", str(user.pk), {"name": name})
        return done
