import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

ROLES = [
    ("owner", "Owner"),
    ("admin", "Admin"),
    ("developer", "Developer"),
    ("support", "Support"),
    ("viewer", "Viewer"),
]
SEND, HIGH = "send", "priority.high"


def keep_the_lane(apps, schema_editor):
    """Give the scope of the urgent lane, which needed none so far, to each key that may send."""
    for key in apps.get_model("delivery", "ApiKey").objects.all():
        if SEND in key.scopes and HIGH not in key.scopes:
            key.scopes = [*key.scopes, HIGH]
            key.save(update_fields=["scopes"])


def user(related_name, **given):
    return models.ForeignKey(related_name=related_name, to=settings.AUTH_USER_MODEL, **given)


def team(**given):
    return models.ForeignKey(to="delivery.team", on_delete=django.db.models.deletion.CASCADE, **given)


CASCADE, SET_NULL = django.db.models.deletion.CASCADE, django.db.models.deletion.SET_NULL
ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")
ROLE = models.CharField(choices=ROLES, max_length=9)
CREATED = models.DateTimeField(default=django.utils.timezone.now, editable=False)


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0019_audit"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("apikey", "made_by", user("+", editable=False, null=True, on_delete=SET_NULL)),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", ID),
                ("email", models.CharField(max_length=254)),
                ("role", ROLE),
                ("token_digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("invited_by", models.CharField(blank=True, max_length=160)),
                ("created_at", CREATED),
                ("expires_at", models.DateTimeField(editable=False)),
                ("accepted_at", models.DateTimeField(editable=False, null=True)),
                ("team", team(related_name="invitations")),
            ],
            options={"ordering": ("-id",)},
        ),
        migrations.CreateModel(
            name="Member",
            fields=[
                ("id", ID),
                ("role", ROLE),
                ("created_at", CREATED),
                ("team", team(db_index=False, related_name="members")),
                ("user", user("memberships", on_delete=CASCADE)),
            ],
            options={
                "ordering": ("id",),
                "constraints": [models.UniqueConstraint(fields=("team", "user"), name="member_once")],
            },
        ),
        migrations.RunPython(keep_the_lane, migrations.RunPython.noop),
    ]
