import django.db.models.deletion
import django.db.models.functions.text
import helpdesk.lib.clock
from django.conf import settings
from django.db import migrations, models

from helpdesk.lib.clock import CREATE_APP_NOW


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.RunSQL(CREATE_APP_NOW, "DROP FUNCTION app_now()"),
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(blank=True, max_length=200, verbose_name='name')),
                ('not_a_customer', models.BooleanField(default=False, verbose_name='not a customer')),
                ('language', models.CharField(choices=[('pt-br', 'Portuguese (Brazil)'), ('en', 'English')], default='pt-br', max_length=8, verbose_name='language')),
                ('created_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), editable=False)),
            ],
            options={
                'verbose_name': 'contact',
                'verbose_name_plural': 'contacts',
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='e-mail')),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('language', models.CharField(choices=[('pt-br', 'Portuguese (Brazil)'), ('en', 'English')], default='pt-br', max_length=8, verbose_name='language')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('undo_seconds', models.PositiveSmallIntegerField(choices=[(0, '0 s'), (5, '5 s'), (10, '10 s'), (20, '20 s'), (30, '30 s')], default=10, verbose_name='undo window')),
                ('shortcut_keys', models.BooleanField(default=True, verbose_name='single-letter keys')),
                ('security_stamp', models.PositiveIntegerField(default=0, editable=False)),
                ('date_joined', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), editable=False, verbose_name='since')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'person of the team',
                'verbose_name_plural': 'people of the team',
            },
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), editable=False, verbose_name='when')),
                ('kind', models.CharField(max_length=60, verbose_name='what')),
                ('subject', models.CharField(blank=True, max_length=200, verbose_name='about')),
                ('before', models.JSONField(null=True, verbose_name='before')),
                ('after', models.JSONField(null=True, verbose_name='after')),
                ('ip', models.GenericIPAddressField(null=True, verbose_name='address')),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='who')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit trail',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='ContactAddress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('email', 'E-mail'), ('phone', 'Phone')], max_length=12)),
                ('value', models.CharField(max_length=320)),
                ('bounced_at', models.DateTimeField(blank=True, null=True)),
                ('bounce_reason', models.CharField(blank=True, max_length=500)),
                ('contact', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='addresses', to='people.contact')),
            ],
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail')),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('memberships', models.JSONField(default=list, verbose_name='memberships')),
                ('token_hash', models.BinaryField(max_length=32, unique=True)),
                ('created_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), editable=False, verbose_name='sent')),
                ('expires_at', models.DateTimeField(verbose_name='valid until')),
                ('accepted_at', models.DateTimeField(editable=False, null=True, verbose_name='accepted')),
                ('invited_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='invited by')),
                ('user', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='person')),
            ],
            options={
                'verbose_name': 'invitation',
                'verbose_name_plural': 'invitations',
            },
        ),
        migrations.CreateModel(
            name='LoginSession',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('session_key', models.CharField(max_length=40, unique=True)),
                ('device', models.CharField(blank=True, max_length=80, verbose_name='device')),
                ('ip', models.GenericIPAddressField(null=True, verbose_name='address')),
                ('started_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), verbose_name='since')),
                ('seen_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), verbose_name='last seen')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='login_sessions', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'session',
                'verbose_name_plural': 'sessions',
            },
        ),
        migrations.CreateModel(
            name='Organization',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('document', models.CharField(blank=True, max_length=14, verbose_name='CNPJ or CPF')),
                ('timezone', models.CharField(blank=True, max_length=40, verbose_name='time zone')),
                ('created_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), editable=False)),
            ],
            options={
                'verbose_name': 'company',
                'verbose_name_plural': 'companies',
                'constraints': [models.UniqueConstraint(condition=models.Q(('document', ''), _negated=True), fields=('document',), name='organization_document_once')],
            },
        ),
        migrations.AddField(
            model_name='contact',
            name='organization',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='contacts', to='people.organization', verbose_name='company'),
        ),
        migrations.CreateModel(
            name='PasswordReset',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token_hash', models.BinaryField(max_length=32, unique=True)),
                ('created_at', models.DateTimeField(db_default=helpdesk.lib.clock.AppNow(), editable=False)),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'password reset',
                'verbose_name_plural': 'password resets',
            },
        ),
        migrations.CreateModel(
            name='SiteSettings',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(default='Presteza', max_length=120, verbose_name='company name')),
                ('preset', models.CharField(default='essencial', editable=False, max_length=40)),
                ('timezone', models.CharField(default='America/Sao_Paulo', max_length=40, verbose_name='time zone')),
                ('state', models.CharField(blank=True, max_length=2, verbose_name='state')),
                ('municipal_holidays', models.JSONField(blank=True, default=list, verbose_name='municipal holidays')),
                ('closings', models.JSONField(blank=True, default=list, verbose_name='one-off closings')),
                ('carnaval', models.BooleanField(default=True, verbose_name='closed on Carnaval')),
                ('corpus_christi', models.BooleanField(default=True, verbose_name='closed on Corpus Christi')),
                ('ash_wednesday', models.BooleanField(default=False, verbose_name='closed on Ash Wednesday')),
                ('dpo_contact', models.CharField(blank=True, max_length=200, verbose_name='data protection contact')),
                ('guard_profile', models.CharField(default='leve', editable=False, max_length=12)),
                ('outgoing_paused', models.BooleanField(default=False, help_text='Set after a restore, until somebody says that this copy is the one in use.', verbose_name='nothing leaves')),
            ],
            options={
                'verbose_name': 'company options',
                'verbose_name_plural': 'company options',
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='one_site_settings_row')],
            },
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('email'), name='user_email_once'),
        ),
        migrations.AddConstraint(
            model_name='contactaddress',
            constraint=models.UniqueConstraint(fields=('kind', 'value'), name='contact_address_once'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('email'), condition=models.Q(('accepted_at', None)), name='one_open_invitation_an_address'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(fields=['organization'], name='contact_by_organization'),
        ),
    ]
