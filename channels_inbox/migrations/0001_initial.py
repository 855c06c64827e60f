import django.contrib.postgres.indexes
import django.db.models.deletion
import helpdesk.lib.clock
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('people', '0001_initial'),  # makes app_now()
    ]

    operations = [
        migrations.CreateModel(
            name='Channel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(unique=True, verbose_name='key')),
                ('kind', models.CharField(max_length=20, verbose_name='kind')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('address', models.CharField(blank=True, max_length=254, verbose_name='address or number')),
                ('enabled', models.BooleanField(default=True, verbose_name='in use')),
                ('options', models.JSONField(blank=True, default=dict, verbose_name='connection')),
                ('sealed_credentials', models.BinaryField(null=True)),
                ('cursor', models.JSONField(default=dict, editable=False)),
                ('poll_lease_until', models.DateTimeField(editable=False, null=True)),
                ('poll_lease_token', models.UUIDField(editable=False, null=True)),
                ('last_inbound_at', models.DateTimeField(editable=False, null=True, verbose_name='last message')),
                ('last_success_at', models.DateTimeField(editable=False, null=True, verbose_name='last good connection')),
                ('failing_since', models.DateTimeField(editable=False, null=True, verbose_name='failing since')),
                ('last_error', models.TextField(blank=True, editable=False, verbose_name='last error')),
                ('sending_paused_until', models.DateTimeField(editable=False, null=True)),
                ('alarmed_at', models.DateTimeField(editable=False, null=True)),
                ('alarm_reason', models.CharField(blank=True, choices=[('failing', 'The connection fails'), ('refused', 'The credentials are refused'), ('silent', 'Nothing arrives'), ('sending', 'The sending server refuses the credentials'), ('probe', 'The test message did not come back')], default='', editable=False, max_length=10)),
                ('probe_sent_at', models.DateTimeField(editable=False, null=True)),
                ('probe_back_at', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'verbose_name': 'channel',
                'verbose_name_plural': 'channels',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='MessageAttachment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64)),
                ('name', models.CharField(max_length=255, verbose_name='name')),
                ('content_type', models.CharField(max_length=120)),
                ('size', models.PositiveIntegerField()),
                ('inline', models.BooleanField(default=False)),
                ('content_id', models.CharField(blank=True, max_length=255)),
                ('created_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow())),
            ],
            options={
                'verbose_name': 'attachment',
                'verbose_name_plural': 'attachments',
            },
        ),
        migrations.CreateModel(
            name='ChannelThread',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('far_address', models.CharField(max_length=320)),
                ('last_inbound_at', models.DateTimeField(null=True)),
                ('sequence', models.BigIntegerField(default=0)),
                ('channel', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='threads', to='channels_inbox.channel')),
            ],
        ),
        migrations.CreateModel(
            name='InboundMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(default='new', max_length=12, verbose_name='state')),
                ('attempts', models.PositiveIntegerField(default=0, verbose_name='attempts')),
                ('next_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), verbose_name='next attempt')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_token', models.UUIDField(editable=False, null=True)),
                ('last_error', models.TextField(blank=True, default='', verbose_name='last error')),
                ('fingerprint', models.BinaryField(max_length=64)),
                ('external_id', models.CharField(blank=True, max_length=255)),
                ('payload', models.BinaryField(null=True)),
                ('payload_file', models.CharField(blank=True, max_length=200)),
                ('size', models.PositiveIntegerField(default=0, verbose_name='size')),
                ('imported', models.BooleanField(default=False, verbose_name='imported')),
                ('received_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), verbose_name='received')),
                ('channel', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='inbound', to='channels_inbox.channel')),
            ],
            options={
                'verbose_name': 'received message',
                'verbose_name_plural': 'received messages',
            },
        ),
        migrations.CreateModel(
            name='OutboundMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('attempts', models.PositiveIntegerField(default=0, verbose_name='attempts')),
                ('next_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), verbose_name='next attempt')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_token', models.UUIDField(editable=False, null=True)),
                ('last_error', models.TextField(blank=True, default='', verbose_name='last error')),
                ('state', models.CharField(default='queued', max_length=12, verbose_name='state')),
                ('position', models.BigIntegerField(default=0)),
                ('purpose', models.CharField(choices=[('reply', 'Reply'), ('auto', 'Automatic text'), ('notify', 'Notice to the team')], max_length=8, verbose_name='purpose')),
                ('idem_key', models.CharField(max_length=120)),
                ('payload', models.BinaryField()),
                ('message_id', models.CharField(max_length=255)),
                ('recipient', models.CharField(max_length=320, verbose_name='recipient')),
                ('subject', models.CharField(blank=True, max_length=255, verbose_name='subject')),
                ('created_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), verbose_name='written')),
                ('handed_at', models.DateTimeField(null=True)),
                ('sent_at', models.DateTimeField(null=True, verbose_name='sent')),
                ('provider_id', models.CharField(blank=True, max_length=255)),
                ('receipt', models.CharField(blank=True, choices=[('', ''), ('accepted', 'Accepted'), ('delivered', 'Delivered'), ('read', 'Read'), ('bounced', 'Came back')], default='', max_length=10)),
                ('receipt_detail', models.CharField(blank=True, max_length=500)),
                ('channel', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='outbound', to='channels_inbox.channel')),
                ('thread', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='outbound', to='channels_inbox.channelthread')),
            ],
            options={
                'verbose_name': 'outgoing message',
                'verbose_name_plural': 'outgoing messages',
            },
        ),
        migrations.AddConstraint(
            model_name='channelthread',
            constraint=models.UniqueConstraint(fields=('channel', 'far_address'), name='one_thread_per_address'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(condition=models.Q(('state', 'new')), fields=['next_at', 'id'], name='inbound_due'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(condition=models.Q(('state', 'dead')), fields=['id'], name='inbound_dead'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=django.contrib.postgres.indexes.BrinIndex(fields=['received_at'], name='inbound_by_arrival'),
        ),
        migrations.AddConstraint(
            model_name='inboundmessage',
            constraint=models.UniqueConstraint(fields=('channel', 'fingerprint'), name='inbound_once'),
        ),
        migrations.AddConstraint(
            model_name='inboundmessage',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['new', 'done', 'ignored', 'dead'])), name='inbound_state'),
        ),
        migrations.AddIndex(
            model_name='outboundmessage',
            index=models.Index(condition=models.Q(('state', 'queued')), fields=['next_at', 'id'], name='outbound_due'),
        ),
        migrations.AddIndex(
            model_name='outboundmessage',
            index=models.Index(condition=models.Q(('state__in', ['queued', 'sending'])), fields=['thread', 'position'], name='outbound_order'),
        ),
        migrations.AddIndex(
            model_name='outboundmessage',
            index=models.Index(condition=models.Q(('state__in', ['failed', 'uncertain'])), fields=['id'], name='outbound_needs_people'),
        ),
        migrations.AddIndex(
            model_name='outboundmessage',
            index=models.Index(condition=models.Q(('provider_id__in', ['', 'local-mailbox']), _negated=True), fields=['provider_id'], name='outbound_by_provider_id'),
        ),
        migrations.AddConstraint(
            model_name='outboundmessage',
            constraint=models.UniqueConstraint(fields=('idem_key',), name='outbound_written_once'),
        ),
        migrations.AddConstraint(
            model_name='outboundmessage',
            constraint=models.UniqueConstraint(fields=('message_id',), name='outbound_message_id_once'),
        ),
        migrations.AddConstraint(
            model_name='outboundmessage',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'sending', 'sent', 'uncertain', 'failed', 'cancelled'])), name='outbound_state'),
        ),
        migrations.AddConstraint(
            model_name='outboundmessage',
            constraint=models.CheckConstraint(condition=models.Q(('receipt__in', ['', 'accepted', 'delivered', 'read', 'bounced'])), name='outbound_receipt'),
        ),
        migrations.AddConstraint(
            model_name='outboundmessage',
            constraint=models.UniqueConstraint(condition=models.Q(('thread__isnull', False)), fields=('thread', 'position'), name='one_row_a_position'),
        ),
    ]
