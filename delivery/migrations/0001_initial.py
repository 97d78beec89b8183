
import delivery.db.ids
import delivery.models.email
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Email',
            fields=[
                ('id', models.UUIDField(default=delivery.db.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('from_name', models.CharField(blank=True, max_length=255)),
                ('from_address', models.CharField(max_length=254)),
                ('reply_to', models.JSONField(default=list)),
                ('subject', models.TextField(blank=True)),
                ('text_body', models.TextField(blank=True)),
                ('html_body', models.TextField(blank=True)),
                ('headers', models.JSONField(default=dict)),
                ('tags', models.JSONField(default=list)),
                ('metadata', models.JSONField(default=dict)),
                ('on_ambiguous', models.CharField(choices=[('resend', 'Resend'), ('stop', 'Stop')], default='resend', max_length=6)),
                ('status', models.CharField(choices=[('queued', 'Queued'), ('sending', 'Sending'), ('sent', 'Sent'), ('partial', 'Partial'), ('failed', 'Failed'), ('expired', 'Expired'), ('unknown', 'Unknown')], default='queued', max_length=11)),
                ('provider', models.CharField(blank=True, max_length=50)),
                ('reason', models.TextField(blank=True)),
                ('left_out', models.JSONField(default=dict)),
                ('finished_at', models.DateTimeField(null=True)),
                ('due_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField(default=delivery.models.email._deadline)),
                ('rounds', models.PositiveIntegerField(default=0)),
                ('epoch', models.PositiveIntegerField(default=0)),
                ('lease_until', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='Owner',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.UUIDField(default=delivery.db.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('provider', models.CharField(max_length=50)),
                ('epoch', models.PositiveIntegerField()),
                ('outcome', models.CharField(choices=[('started', 'Started'), ('accepted', 'Accepted'), ('refused_temporarily', 'Refused Temporarily'), ('refused', 'Refused'), ('not_sent', 'Not Sent'), ('unknown', 'Unknown')], default='started', max_length=19)),
                ('provider_message_id', models.CharField(blank=True, max_length=255)),
                ('code', models.CharField(blank=True, max_length=100)),
                ('detail', models.TextField(blank=True)),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('latency_ms', models.PositiveIntegerField(null=True)),
                ('email', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='delivery.email')),
            ],
            options={
                'ordering': ('started_at', 'id'),
            },
        ),
        migrations.CreateModel(
            name='Attachment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('filename', models.CharField(max_length=255)),
                ('content_type', models.CharField(max_length=127)),
                ('content_id', models.CharField(blank=True, max_length=255)),
                ('size', models.PositiveIntegerField()),
                ('sha256', models.CharField(db_index=True, max_length=64)),
                ('email', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attachments', to='delivery.email')),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.AddField(
            model_name='email',
            name='owner',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='emails', to='delivery.owner'),
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(editable=False, max_length=8, unique=True)),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('scopes', models.JSONField(default=list)),
                ('from_addresses', models.JSONField(blank=True, default=list)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('last_used_at', models.DateTimeField(editable=False, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='keys', to='delivery.owner')),
            ],
            options={
                'verbose_name': 'API key',
                'ordering': ('-created_at',),
            },
        ),
        migrations.CreateModel(
            name='Recipient',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('to', 'To'), ('cc', 'Cc'), ('bcc', 'Bcc')], max_length=3)),
                ('name', models.CharField(blank=True, max_length=255)),
                ('address', models.CharField(max_length=254)),
                ('canonical', models.CharField(db_index=True, max_length=254)),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('accepted', 'Accepted'), ('rejected', 'Rejected'), ('failed', 'Failed'), ('expired', 'Expired'), ('unknown', 'Unknown')], default='pending', max_length=10)),
                ('reason', models.TextField(blank=True)),
                ('email', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='recipients', to='delivery.email')),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('email', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tag_rows', to='delivery.email')),
            ],
        ),
        migrations.AddIndex(
            model_name='email',
            index=models.Index(fields=['owner', 'id'], name='email_by_owner'),
        ),
        migrations.AddIndex(
            model_name='email',
            index=models.Index(fields=['status', 'id'], name='email_by_status'),
        ),
        migrations.AddIndex(
            model_name='email',
            index=models.Index(fields=['provider', 'id'], name='email_by_provider'),
        ),
        migrations.AddIndex(
            model_name='email',
            index=models.Index(condition=models.Q(('status', 'queued')), fields=['due_at'], name='email_due'),
        ),
        migrations.AddIndex(
            model_name='email',
            index=models.Index(condition=models.Q(('status', 'sending')), fields=['lease_until'], name='email_leased'),
        ),
        migrations.AddIndex(
            model_name='tag',
            index=models.Index(fields=['name', 'email'], name='email_by_tag'),
        ),
    ]
