import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


def tell_whose_they_are(apps, schema_editor):
    """Note which keys a person made, also those of people whose accounts were deleted: the audit knows them."""
    keys = apps.get_model("delivery", "ApiKey").objects
    made = apps.get_model("delivery", "AuditEntry").objects.filter(
        action="key.created", actor_kind="member", object_kind="key"
    )
    known = Q(made_by__isnull=False) | Q(public_id__in=made.values("object_id"))
    found = keys.filter(known).update(of_person=True)
    while found:  # what they have made, and their successors
        by_them = Q(made_with__of_person=True) | Q(successor_of__of_person=True)
        found = keys.filter(by_them, of_person=False).update(of_person=True)


class Migration(migrations.Migration):
    dependencies = [("delivery", "0030_newcomers")]

    operations = [
        migrations.AddField(
            "apikey",
            "limited_as",
            models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="limited_alike",
                to="delivery.apikey",
            ),
        ),
        migrations.AddField(
            "apikey", "of_person", models.BooleanField(db_default=False, default=False, editable=False)
        ),
        migrations.AddField(
            "apikey", "paused_by_manager", models.BooleanField(db_default=False, default=False, editable=False)
        ),
        migrations.AddField(
            "limits", "set_by_manager", models.BooleanField(db_default=False, default=False, editable=False)
        ),
        migrations.RunPython(tell_whose_they_are, migrations.RunPython.noop),
    ]
