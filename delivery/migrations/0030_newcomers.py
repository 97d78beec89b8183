from datetime import timedelta

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

A_WHILE = timedelta(minutes=10)  # two clocks


def note_those_who_came_before(apps, schema_editor):
    """Whoever was made when an invitation to the address was accepted has not proved it either."""
    users, noted = apps.get_model("auth", "User"), apps.get_model("delivery", "Newcomer").objects
    for one in apps.get_model("delivery", "Invitation").objects.exclude(accepted_at=None):
        around = (one.accepted_at - A_WHILE, one.accepted_at + A_WHILE)
        for user in users.objects.filter(email__iexact=one.email, date_joined__range=around):
            noted.get_or_create(user=user)


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0029_mailings"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Newcomer",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="newcomer",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        migrations.RunPython(note_those_who_came_before, migrations.RunPython.noop),
    ]
