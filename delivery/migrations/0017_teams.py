"""Owners are called teams. Nothing but the name of their table changes in the database.

The columns stay owner_id, and a view stands where the table was: processes of the version before run on beside new
ones. SQLite remakes a table to change a column: whoever changes one of delivery_team drops the view first.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

OWNER_COLUMN = "owner_id"
RENAME = "ALTER TABLE delivery_owner RENAME TO delivery_team"
VIEW = "CREATE VIEW delivery_owner AS SELECT id, name, created_at, paused_at FROM delivery_team"
# PostgreSQL writes through such a view by itself.
TRIGGERS = (
    """CREATE TRIGGER delivery_owner_insert INSTEAD OF INSERT ON delivery_owner BEGIN
    INSERT INTO delivery_team (name, created_at, paused_at) VALUES (NEW.name, NEW.created_at, NEW.paused_at); END""",
    """CREATE TRIGGER delivery_owner_update INSTEAD OF UPDATE ON delivery_owner BEGIN
    UPDATE delivery_team SET name = NEW.name, created_at = NEW.created_at, paused_at = NEW.paused_at WHERE id = OLD.id;
    END""",
)


def rename(apps, schema_editor):
    for statement in (RENAME, VIEW, *(TRIGGERS if schema_editor.connection.vendor == "sqlite" else ())):
        schema_editor.execute(statement)


def back(apps, schema_editor):
    schema_editor.execute("DROP VIEW delivery_owner")
    schema_editor.execute("ALTER TABLE delivery_team RENAME TO delivery_owner")


def name_of(old, new):
    """Return what renames the content type and its permissions, which the admin's users have been given."""

    def change(apps, schema_editor):
        types = apps.get_model("contenttypes", "ContentType").objects.filter(app_label="delivery")
        permissions = apps.get_model("auth", "Permission").objects.filter(content_type__in=types.filter(model=old))
        for permission in permissions:
            permission.codename = permission.codename.replace(old, new)
            permission.name = permission.name.replace(old, new)
            permission.save()
        types.filter(model=old).update(model=new)

    return change


def renamed(model, **field):
    """Return the two changes of one model's field."""
    kind = field.pop("kind", models.ForeignKey)
    given = {"on_delete": django.db.models.deletion.PROTECT, "to": "delivery.team", "db_column": OWNER_COLUMN} | field
    return [
        migrations.RenameField(model, "owner", "team"),
        migrations.AlterField(model, "team", kind(**given)),
    ]


CASCADE = django.db.models.deletion.CASCADE
STATE = [
    migrations.RemoveIndex("email", "email_by_owner"),
    migrations.RemoveIndex("email", "email_turns"),
    migrations.RemoveIndex("suppression", "suppression_by_owner"),
    migrations.RemoveConstraint("suppression", "suppression_of_an_owner"),
    migrations.RemoveConstraint("suppression", "suppression_for_all"),
    migrations.RemoveConstraint("softbounce", "soft_bounce_of_an_owner"),
    migrations.RemoveConstraint("softbounce", "soft_bounce_of_nobody"),
    migrations.RemoveConstraint("limits", "limits_of_an_owner_or_a_key"),
    migrations.RenameModel("Owner", "Team"),
    *renamed("apikey", related_name="keys"),
    *renamed("email", null=True, related_name="emails", db_index=False),
    *renamed("limits", kind=models.OneToOneField, null=True, on_delete=CASCADE, related_name="limits"),
    *renamed("softbounce", null=True, related_name="+", db_index=False),
    *renamed("suppression", null=True, related_name="suppressions", db_index=False),
    *renamed("unsubscribelink", null=True, related_name="+", db_index=False),
    *renamed("webhookendpoint", null=True, blank=True, related_name="webhook_endpoints"),
    migrations.AddIndex("email", models.Index(fields=["team", "id"], name="email_by_owner")),
    migrations.AddIndex(
        "email",
        models.Index(condition=Q(("due_at__isnull", False)), fields=["priority", "team", "due_at"], name="email_turns"),
    ),
    migrations.AddIndex("suppression", models.Index(fields=["team", "id"], name="suppression_by_owner")),
    migrations.AddConstraint(
        "suppression",
        models.UniqueConstraint(fields=("address", "team", "kind", "scope"), name="suppression_of_an_owner"),
    ),
    migrations.AddConstraint(
        "suppression",
        models.UniqueConstraint(
            condition=Q(("team", None)), fields=("address", "kind", "scope"), name="suppression_for_all"
        ),
    ),
    migrations.AddConstraint(
        "softbounce",
        models.UniqueConstraint(fields=("address", "team", "day"), name="soft_bounce_of_an_owner"),
    ),
    migrations.AddConstraint(
        "softbounce",
        models.UniqueConstraint(condition=Q(("team", None)), fields=("address", "day"), name="soft_bounce_of_nobody"),
    ),
    migrations.AddConstraint(
        "limits",
        models.CheckConstraint(
            condition=Q(
                Q(("key__isnull", True), ("team__isnull", False)),
                Q(("key__isnull", False), ("team__isnull", True)),
                _connector="OR",
            ),
            name="limits_of_an_owner_or_a_key",
        ),
    ),
]


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("delivery", "0016_events_of_lists"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(rename, back)], state_operations=STATE
        ),
        migrations.RunPython(name_of("owner", "team"), name_of("team", "owner")),
    ]
