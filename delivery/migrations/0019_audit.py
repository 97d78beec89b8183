"""The audit, and the database's own guard of it: see delivery/access/append_only.py."""

import delivery.db.clock
import delivery.db.ids
import django.core.serializers.json
import django.db.models.deletion
from django.db import migrations, models

from delivery.access import append_only


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0018_contacts'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.UUIDField(default=delivery.db.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(default=delivery.db.clock.now)),
                ('actor_kind', models.CharField(choices=[('member', 'a person'), ('key', 'an API key'), ('system', 'GoMail itself')], max_length=6)),
                ('actor_id', models.CharField(blank=True, max_length=64)),
                ('actor_name', models.CharField(blank=True, max_length=200)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('action', models.CharField(max_length=50)),
                ('object_kind', models.CharField(max_length=30)),
                ('object_id', models.CharField(blank=True, max_length=320)),
                ('before', models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, null=True)),
                ('after', models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, null=True)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('team', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='delivery.team')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit entries',
                'ordering': ('-id',),
                'indexes': [models.Index(fields=['team', 'id'], name='audit_by_team'), models.Index(fields=['team', 'action', 'id'], name='audit_by_action'), models.Index(fields=['team', 'actor_id', 'id'], name='audit_by_actor'), models.Index(fields=['team', 'object_id', 'id'], name='audit_by_object')],
            },
        ),
        migrations.RunPython(append_only.guard, append_only.unguard),
    ]
