"""Make subjects searchable by word."""

from django.db import migrations

from delivery.search import subject_index


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]

    operations = [migrations.RunPython(subject_index.create_index, subject_index.drop_index)]
