"""The index of senders begins with their domain; old processes find senders without an index until they end."""

from django.db import migrations, models
from django.db.models.functions import Lower

from delivery.db.domains import DomainOf
from delivery.db.online import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("delivery", "0040_common_words")]
    operations = [
        AddIndexOnline(
            "email",
            models.Index(DomainOf("from_address"), Lower("from_address"), "id", name="email_by_domain"),
        ),
        migrations.RemoveIndex("email", "email_by_sender"),
    ]
