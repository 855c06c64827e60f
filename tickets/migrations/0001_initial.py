import django.db.models.deletion
import helpdesk.lib.clock
import tickets.models.department
import tickets.models.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('channels_inbox', '0001_initial'),
        ('people', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ProtocolCounter',
            fields=[
                ('year', models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ('last', models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='Department',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(unique=True, verbose_name='key')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('name_en', models.CharField(blank=True, max_length=80, verbose_name='name in English')),
                ('hours', models.CharField(default='seg-sex 08:00-12:00,13:00-18:00', help_text='For example: seg-sex 08:00-12:00,13:00-18:00; sab 09:00-13:00', max_length=300, validators=[tickets.models.department.validate_hours], verbose_name='opening hours')),
                ('timezone', models.CharField(blank=True, max_length=40, verbose_name='time zone')),
                ('handles', models.CharField(blank=True, max_length=200, verbose_name='takes care of')),
                ('is_default', models.BooleanField(default=False, verbose_name='receives what fits nowhere else')),
                ('active', models.BooleanField(default=True, verbose_name='in use')),
            ],
            options={
                'verbose_name': 'department',
                'verbose_name_plural': 'departments',
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('is_default',), name='one_default_department')],
            },
        ),
        migrations.CreateModel(
            name='ChannelPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hours', models.CharField(max_length=300, validators=[tickets.models.department.validate_hours], verbose_name='opening hours')),
                ('first_reply', models.JSONField(blank=True, default=dict, verbose_name='first reply')),
                ('purpose', models.CharField(blank=True, max_length=200, verbose_name='purpose')),
                ('acknowledge', models.BooleanField(default=True, verbose_name='confirm receipt automatically')),
                ('channel', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='channels_inbox.channel')),
                ('department', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='channel_policies', to='tickets.department', verbose_name='department')),
            ],
            options={
                'verbose_name': 'channel policy',
                'verbose_name_plural': 'channel policies',
            },
        ),
        migrations.CreateModel(
            name='Draft',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(default='reply', max_length=10)),
                ('text', models.TextField(blank=True)),
                ('to_all', models.BooleanField(null=True)),
                ('base_entry_id', models.BigIntegerField(default=0)),
                ('updated_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow())),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='DraftFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('draft', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='tickets.draft')),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='channels_inbox.messageattachment')),
            ],
        ),
        migrations.CreateModel(
            name='ThreadEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('customer', 'Message from the customer'), ('reply', 'Reply'), ('note', 'Internal note'), ('auto', 'Automatic text'), ('bounce', 'Message that came back')], max_length=10)),
                ('subject', models.CharField(blank=True, max_length=255)),
                ('text', models.TextField(blank=True)),
                ('html', models.TextField(blank=True)),
                ('has_original', models.BooleanField(default=False)),
                ('automatic', models.BooleanField(default=False)),
                ('held', models.BooleanField(default=False)),
                ('withdrawn', models.BooleanField(default=False)),
                ('message_id', models.CharField(blank=True, max_length=255)),
                ('recipients', models.JSONField(blank=True, default=dict)),
                ('idem_key', models.CharField(max_length=80, null=True)),
                ('created_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow())),
                ('author', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('channel', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='channels_inbox.channel')),
                ('contact', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='people.contact')),
                ('inbound', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='channels_inbox.inboundmessage')),
            ],
            options={
                'verbose_name': 'entry',
                'verbose_name_plural': 'entries',
            },
        ),
        migrations.CreateModel(
            name='EntryDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('contact', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='people.contact')),
                ('outbound', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='channels_inbox.outboundmessage')),
                ('entry', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='tickets.threadentry')),
            ],
        ),
        migrations.CreateModel(
            name='EntryAttachment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='channels_inbox.messageattachment')),
                ('entry', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attachments', to='tickets.threadentry')),
            ],
        ),
        migrations.CreateModel(
            name='Ticket',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('protocol', models.CharField(max_length=12, verbose_name='protocol')),
                ('subject', models.CharField(max_length=255, verbose_name='subject')),
                ('status', models.CharField(choices=[('new', 'New'), ('open', 'In progress'), ('waiting_customer', 'Waiting for customer'), ('waiting_department', 'Waiting for department'), ('return_to_confirm', 'Return to confirm'), ('scheduled', 'Scheduled'), ('resolved', 'Resolved'), ('closed', 'Closed')], default='new', max_length=20, verbose_name='status')),
                ('status_before', models.CharField(blank=True, choices=[('new', 'New'), ('open', 'In progress'), ('waiting_customer', 'Waiting for customer'), ('waiting_department', 'Waiting for department'), ('return_to_confirm', 'Return to confirm'), ('scheduled', 'Scheduled'), ('resolved', 'Resolved'), ('closed', 'Closed')], max_length=20)),
                ('outcome', models.CharField(blank=True, choices=[('resolvido', 'Solved'), ('informacao', 'Information given'), ('sem_retorno', 'No answer from the customer'), ('duplicado', 'Duplicate'), ('spam', 'Spam'), ('nao_e_conosco', 'Not for us')], max_length=16, verbose_name='outcome')),
                ('priority', models.CharField(choices=[('critica', 'Critical'), ('alta', 'High'), ('normal', 'Normal'), ('baixa', 'Low')], default='normal', max_length=8, verbose_name='priority')),
                ('operation_stopped', models.BooleanField(default=False, verbose_name='operation stopped')),
                ('now', models.CharField(blank=True, max_length=300, verbose_name='now')),
                ('next_step', models.CharField(blank=True, max_length=300, verbose_name='next step')),
                ('when', models.DateTimeField(blank=True, null=True, verbose_name='when')),
                ('unanswered', models.BooleanField(default=True)),
                ('waiting_since', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), null=True)),
                ('identification_pending', models.BooleanField(default=False)),
                ('held', models.BooleanField(default=False, verbose_name='sender not verified')),
                ('follow_up_decision', models.CharField(blank=True, choices=[('joined', ''), ('apart', '')], max_length=8)),
                ('hinted_protocol', models.CharField(blank=True, max_length=12)),
                ('imported', models.BooleanField(default=False)),
                ('demo', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), verbose_name='opened')),
                ('updated_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), verbose_name='changed')),
                ('resolved_at', models.DateTimeField(null=True)),
                ('closed_at', models.DateTimeField(null=True)),
                ('last_entry_id', models.BigIntegerField(default=0)),
                ('preview', models.CharField(blank=True, max_length=160)),
                ('queue_key', models.CharField(default='', max_length=40)),
                ('assignee', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='agent')),
                ('channel', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='channels_inbox.channel', verbose_name='channel')),
                ('contact', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.contact', verbose_name='contact')),
                ('department', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tickets.department', verbose_name='department')),
                ('merged_into', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='tickets.ticket')),
                ('possible_follow_up_of', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='tickets.ticket')),
            ],
            options={
                'verbose_name': 'ticket',
                'verbose_name_plural': 'tickets',
            },
        ),
        migrations.AddField(
            model_name='threadentry',
            name='ticket',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='entries', to='tickets.ticket'),
        ),
        migrations.CreateModel(
            name='Participant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('requester', 'Customer'), ('copied', 'In copy')], default='requester', max_length=10)),
                ('removed', models.BooleanField(default=False)),
                ('contact', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='people.contact')),
                ('ticket', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='participants', to='tickets.ticket')),
            ],
        ),
        migrations.CreateModel(
            name='MailReference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('message_id', models.CharField(max_length=255)),
                ('own', models.BooleanField(default=True)),
                ('ticket', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tickets.ticket')),
            ],
        ),
        migrations.AddField(
            model_name='draft',
            name='ticket',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tickets.ticket'),
        ),
        migrations.CreateModel(
            name='TicketEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=40)),
                ('data', models.JSONField(default=dict)),
                ('at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow())),
                ('actor', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('entry', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='tickets.threadentry')),
                ('ticket', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='events', to='tickets.ticket')),
            ],
            options={
                'verbose_name': 'event',
                'verbose_name_plural': 'events',
            },
        ),
        migrations.CreateModel(
            name='Reaction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(default='new', max_length=12, verbose_name='state')),
                ('attempts', models.PositiveIntegerField(default=0, verbose_name='attempts')),
                ('next_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), verbose_name='next attempt')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_token', models.UUIDField(editable=False, null=True)),
                ('last_error', models.TextField(blank=True, default='', verbose_name='last error')),
                ('consumer', models.CharField(max_length=40)),
                ('event', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='reactions', to='tickets.ticketevent')),
            ],
            options={
                'verbose_name': 'reaction',
                'verbose_name_plural': 'reactions',
            },
        ),
        migrations.CreateModel(
            name='TicketRead',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('entry_id', models.BigIntegerField(default=0)),
                ('ticket', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tickets.ticket')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='TrackingToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token_hash', models.BinaryField(max_length=32, unique=True)),
                ('created_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow())),
                ('revoked_at', models.DateTimeField(null=True)),
                ('contact', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='people.contact')),
                ('ticket', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tickets.ticket')),
            ],
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('admin', 'Administrator'), ('leader', 'Leader'), ('agent', 'Agent'), ('finance', 'Finance'), ('field', 'Field'), ('commercial', 'Sales'), ('onboarding', 'Onboarding'), ('developer', 'Developer'), ('product', 'Product'), ('marketing', 'Marketing'), ('dpo', 'Data protection officer')], max_length=12, verbose_name='role')),
                ('department', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='tickets.department', verbose_name='department')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL, verbose_name='person')),
            ],
            options={
                'verbose_name': 'membership',
                'verbose_name_plural': 'memberships',
                'constraints': [models.UniqueConstraint(fields=('user', 'department', 'role'), name='membership_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('department__isnull', False), ('role__in', ['admin', 'dpo', 'marketing']), _connector='OR'), name='membership_needs_department')],
            },
        ),
        migrations.CreateModel(
            name='SystemText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(max_length=60, verbose_name='key')),
                ('language', models.CharField(choices=[('pt-br', 'Portuguese (Brazil)'), ('en', 'English')], default='pt-br', max_length=8, verbose_name='language')),
                ('text', models.TextField(blank=True, validators=[tickets.models.text.validate_template], verbose_name='text')),
                ('department', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tickets.department', verbose_name='department')),
            ],
            options={
                'verbose_name': 'system text',
                'verbose_name_plural': 'system texts',
                'ordering': ['key', 'language'],
                'constraints': [models.UniqueConstraint(fields=('key', 'language', 'department'), name='system_text_once', nulls_distinct=False)],
            },
        ),
        migrations.AddIndex(
            model_name='ticket',
            index=models.Index(condition=models.Q(('status__in', ['resolved', 'closed']), _negated=True), fields=['department', 'queue_key', 'id'], name='ticket_queue'),
        ),
        migrations.AddIndex(
            model_name='ticket',
            index=models.Index(condition=models.Q(('status__in', ['resolved', 'closed']), _negated=True), fields=['assignee', 'queue_key', 'id'], name='ticket_mine'),
        ),
        migrations.AddIndex(
            model_name='ticket',
            index=models.Index(condition=models.Q(('status__in', ['resolved', 'closed']), _negated=True), fields=['queue_key', 'id'], name='ticket_queue_all'),
        ),
        migrations.AddIndex(
            model_name='ticket',
            index=models.Index(fields=['department', 'status', '-updated_at', '-id'], name='ticket_by_status'),
        ),
        migrations.AddIndex(
            model_name='ticket',
            index=models.Index(condition=models.Q(('status__in', ['resolved', 'closed'])), fields=['-updated_at', '-id'], name='ticket_finished'),
        ),
        migrations.AddIndex(
            model_name='ticket',
            index=models.Index(fields=['contact', '-id'], name='ticket_of_contact'),
        ),
        migrations.AddIndex(
            model_name='ticket',
            index=models.Index(condition=models.Q(('possible_follow_up_of__isnull', False)), fields=['possible_follow_up_of'], name='ticket_follow_up_of'),
        ),
        migrations.AddIndex(
            model_name='ticket',
            index=models.Index(condition=models.Q(('merged_into__isnull', False)), fields=['merged_into'], name='ticket_merged_into'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.UniqueConstraint(fields=('protocol',), name='protocol_once'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['new', 'open', 'waiting_customer', 'waiting_department', 'return_to_confirm', 'scheduled', 'resolved', 'closed'])), name='ticket_status'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['resolved', 'closed']), _negated=True), models.Q(('outcome', ''), _negated=True), _connector='OR'), name='finished_ticket_has_outcome'),
        ),
        migrations.AddIndex(
            model_name='threadentry',
            index=models.Index(fields=['ticket', 'id'], name='entry_of_ticket'),
        ),
        migrations.AddConstraint(
            model_name='threadentry',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['customer', 'reply', 'note', 'auto', 'bounce'])), name='entry_kind'),
        ),
        migrations.AddConstraint(
            model_name='threadentry',
            constraint=models.UniqueConstraint(condition=models.Q(('idem_key__isnull', False)), fields=('idem_key',), name='entry_written_once'),
        ),
        migrations.AddConstraint(
            model_name='participant',
            constraint=models.UniqueConstraint(fields=('ticket', 'contact'), name='participant_once'),
        ),
        migrations.AddIndex(
            model_name='mailreference',
            index=models.Index(fields=['message_id'], name='reference_by_id'),
        ),
        migrations.AddConstraint(
            model_name='draft',
            constraint=models.UniqueConstraint(fields=('user', 'ticket'), name='one_draft_each'),
        ),
        migrations.AddIndex(
            model_name='ticketevent',
            index=models.Index(fields=['ticket', 'id'], name='event_of_ticket'),
        ),
        migrations.AddIndex(
            model_name='reaction',
            index=models.Index(condition=models.Q(('state', 'new')), fields=['next_at', 'id'], name='reaction_due'),
        ),
        migrations.AddIndex(
            model_name='reaction',
            index=models.Index(condition=models.Q(('state', 'dead')), fields=['id'], name='reaction_dead'),
        ),
        migrations.AddConstraint(
            model_name='reaction',
            constraint=models.UniqueConstraint(fields=('event', 'consumer'), name='reaction_once'),
        ),
        migrations.AddConstraint(
            model_name='reaction',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['new', 'done', 'dead'])), name='reaction_state'),
        ),
        migrations.AddConstraint(
            model_name='ticketread',
            constraint=models.UniqueConstraint(fields=('user', 'ticket'), name='one_read_mark'),
        ),
    ]
