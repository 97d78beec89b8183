"""Make subjects searchable by word."""

from django.db import migrations

from delivery import subjects


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]

    operations = [migrations.RunPython(subjects.create_index, subjects.drop_index)]
