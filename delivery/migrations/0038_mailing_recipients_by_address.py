"""An index of a mailing's recipients by address; old processes fill it while it is built."""

from django.db import migrations

from delivery.search import mailing_addresses


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("delivery", "0037_acknowledgements")]
    operations = [migrations.RunPython(mailing_addresses.create, mailing_addresses.drop, atomic=False)]
