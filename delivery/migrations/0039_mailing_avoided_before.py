"""The providers that a mailing avoided before it was resumed; processes of before know nothing of them."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("delivery", "0038_mailing_recipients_by_address")]
    operations = [
        migrations.AddField("mailing", "avoided_before", models.JSONField(editable=False, null=True)),
    ]
