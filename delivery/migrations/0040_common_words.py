"""PostgreSQL learns which words of names and metadata are common; nobody waits for it, and no row is written."""

from django.db import migrations

from delivery.search import word_index


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("delivery", "0039_mailing_avoided_before")]
    operations = [
        migrations.RunPython(word_index.NAMES.count, word_index.NAMES.forget_counts, atomic=False),
        migrations.RunPython(word_index.METADATA.count, word_index.METADATA.forget_counts, atomic=False),
    ]
