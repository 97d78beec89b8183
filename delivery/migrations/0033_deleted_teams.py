
import delivery.db.clock
import delivery.db.ids
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0032_emails_of_a_mailing'),
    ]

    operations = [
        migrations.CreateModel(
            name='TeamDeletion',
            fields=[
                ('id', models.UUIDField(default=delivery.db.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('by', models.CharField(blank=True, max_length=150)),
                ('at', models.DateTimeField(default=delivery.db.clock.now)),
                ('still_since', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('epoch', models.PositiveIntegerField(default=0)),
                ('lease_until', models.DateTimeField(null=True)),
                ('waits_for', models.TextField(blank=True)),
                ('found', models.JSONField(default=dict)),
                ('counts', models.JSONField(default=dict)),
                ('team', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='deletion', to='delivery.team')),
            ],
            options={
                'verbose_name': 'deleted team',
                'ordering': ('-id',),
                'indexes': [models.Index(condition=models.Q(('finished_at', None)), fields=['id'], name='team_deletion_unfinished')],
            },
        ),
    ]
