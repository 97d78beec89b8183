"""Indexes of the search; old processes go on writing, and fill them, while they are built."""

from django.db import migrations, models
from django.db.models.functions import Lower

from delivery.db.online import AddIndexOnline
from delivery.search import domain_index, word_index

EMAIL = [
    models.Index(fields=["team", "id", "status", "provider"], name="email_by_team"),
    models.Index(Lower("from_address"), "id", name="email_by_sender"),
    models.Index(fields=["key", "id"], name="email_by_key", condition=models.Q(key__isnull=False)),
    models.Index(fields=["resend_of"], name="email_resent", condition=models.Q(resend_of__isnull=False)),
]
ATTEMPT = [
    models.Index(
        fields=["provider_message_id"],
        name="attempt_by_message",
        condition=models.Q(provider_message_id__gt=""),
    ),
    models.Index(fields=["error", "email"], name="attempt_by_error", condition=models.Q(error__gt="")),
]


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("delivery", "0035_incidents")]
    operations = [
        *(AddIndexOnline("email", index) for index in EMAIL),
        *(AddIndexOnline("attempt", index) for index in ATTEMPT),
        migrations.RunPython(domain_index.create, domain_index.drop, atomic=False),
        migrations.RunPython(word_index.NAMES.create, word_index.NAMES.drop, atomic=False),
        migrations.RunPython(word_index.METADATA.create, word_index.METADATA.drop, atomic=False),
        migrations.RemoveIndex("email", "email_by_owner"),
    ]
