"""Decides how the process starts: one file, read from the environment by strict readers.

Company options (brand, preset, holidays) are rows edited on screen (`people.SiteSettings`); the environment
holds only what the process needs to start. A wrong value stops the start and names the variable.
"""

from pathlib import Path
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from helpdesk.csp import CONTENT_SECURITY_POLICY as CONTENT_SECURITY_POLICY
from helpdesk.lib.database_url import parse_database_url
from helpdesk.lib.env import env_bool, env_int, env_list, env_secret, env_str, env_url

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Process ---------------------------------------------------------------------------------------------
DEBUG = env_bool("DEBUG", default=False)
DATA_DIR = Path(env_str("DATA_DIR", default=str(BASE_DIR / "data")))
BASE_URL = env_url("BASE_URL", default="http://127.0.0.1:8000").rstrip("/")
_base = urlsplit(BASE_URL)
ON_LOOPBACK = _base.scheme == "http" and _base.hostname in {"127.0.0.1", "localhost", "::1"}
SECRET_KEY = env_secret("SECRET_KEY", default="not-secret-only-for-checks" if ON_LOOPBACK else None)
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS", default=[])
SIGNING_KEYS = [SECRET_KEY, *SECRET_KEY_FALLBACKS]
ENCRYPTION_KEYS = env_list("ENCRYPTION_KEYS", default=[])
ALLOWED_HOSTS = [_base.hostname or "127.0.0.1", *env_list("ALLOWED_HOSTS", default=[])]
if ON_LOOPBACK:
    ALLOWED_HOSTS += ["127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [f"{_base.scheme}://{_base.netloc}"]
EMBEDDED = env_bool("PRESTEZA_EMBEDDED", default=False)

INSTALLED_APPS = [
    "helpdesk.apps.DeskAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "anymail",
    "helpdesk.apps.HelpdeskConfig",
    "helpdesk.people.apps.PeopleConfig",
    "channels_inbox.apps.ChannelsInboxConfig",
    "tickets.apps.TicketsConfig",
    "tickets.portal.apps.PortalConfig",
]

MIDDLEWARE = [
    "helpdesk.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "helpdesk.middleware.StaffSessionMiddleware",
    "helpdesk.middleware.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "helpdesk.urls"
ASGI_APPLICATION = "helpdesk.asgi.application"
WSGI_APPLICATION = "helpdesk.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "helpdesk.context.installation",
            ],
            "builtins": [
                "helpdesk.templatetags.design",
                "django.templatetags.i18n",
                "django.templatetags.static",
            ],
        },
    }
]

# --- Database, cache, broker -----------------------------------------------------------------------------
DATABASES = {"default": parse_database_url(env_str("DATABASE_URL", default="postgres://postgres@/presteza"))}
REDIS_URL = env_str("REDIS_URL", default="redis://127.0.0.1:6379/0")
KEY_PREFIX = env_str("KEY_PREFIX", default="presteza")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": KEY_PREFIX,
        "OPTIONS": {"serializer": "helpdesk.lib.cache_values.JsonSerializer"},
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- Celery: the bell, never the guarantee (prefork everywhere: time limits need it) ------------------------
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "global_keyprefix": f"{KEY_PREFIX}:",
    "socket_timeout": 20,
    "socket_connect_timeout": 2,
    "max_retries": 1,
}
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 45
CELERY_TASK_TIME_LIMIT = 55
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "in"
CELERY_QUEUES_ALL = ["in", "out", "poll", "slow"]
CELERY_TASK_ROUTES = {
    "channels_inbox.tasks.process_inbound": {"queue": "in"},
    "channels_inbox.tasks.deliver_outbound": {"queue": "out"},
    "channels_inbox.tasks.fetch_channel": {"queue": "poll"},
    "channels_inbox.tasks.poll_channels": {"queue": "in"},
    "channels_inbox.tasks.replay_inbound": {"queue": "slow"},
    "channels_inbox.tasks.watch_flow": {"queue": "slow"},
    "channels_inbox.tasks.sweep": {"queue": "in"},
    "tickets.tasks.react": {"queue": "out"},
    "tickets.tasks.sweep_desk": {"queue": "in"},
    "tickets.tasks.tidy": {"queue": "slow"},
    "helpdesk.backup.tasks.keep_backups": {"queue": "slow"},
    "helpdesk.backup.tasks.write_backup": {"queue": "slow"},
}
CELERY_TASK_PUBLISH_RETRY = False

# --- The durable rows ------------------------------------------------------------------------------------
LEASE_SECONDS = env_int("LEASE_SECONDS", default=60, minimum=1, maximum=3600)
SWEEP_SECONDS = env_int("SWEEP_SECONDS", default=15, minimum=1, maximum=300)
CLAIM_BATCH = env_int("CLAIM_BATCH", default=20, minimum=1, maximum=200)
CRASH_AT = env_str("CRASH_AT", default="")
DESK = "tickets.desk.Desk"

# --- Mail ------------------------------------------------------------------------------------------------
SMTP_HOST = env_str("SMTP_HOST", default="")
SMTP_PORT = env_int("SMTP_PORT", default=587, minimum=1, maximum=65535)
SMTP_SECURITY = env_str("SMTP_SECURITY", default="starttls", choices=["starttls", "tls", "none"])
SMTP_USER = env_str("SMTP_USER", default="")
SMTP_PASSWORD = env_secret("SMTP_PASSWORD", default="")
MAIL_DOMAIN = env_str(
    "MAIL_DOMAIN", default="presteza.example" if ON_LOOPBACK else _base.hostname or "presteza.example"
)
DEFAULT_FROM_EMAIL = env_str("DEFAULT_FROM_EMAIL", default=f"presteza@{MAIL_DOMAIN}")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_BACKEND = "channels_inbox.account_mail.OutboxBackend"
LOCAL_SMTP_PORT = env_int("LOCAL_SMTP_PORT", default=2525, minimum=1, maximum=65535)
LOCAL_MAILBOX = env_bool("LOCAL_MAILBOX", default=EMBEDDED and not SMTP_HOST)
TRUSTED_AUTHSERV_ID = env_str("TRUSTED_AUTHSERV_ID", default="")
EGRESS_ALLOW = env_list("EGRESS_ALLOW", default=[])
EXTRA_CA_FILE = env_str("EXTRA_CA_FILE", default="")
ANYMAIL = {
    "WEBHOOK_SECRET": env_secret("ANYMAIL_WEBHOOK_SECRET", default=""),
    "MAILGUN_WEBHOOK_SIGNING_KEY": env_secret("MAILGUN_WEBHOOK_SIGNING_KEY", default=""),
}
MAX_MAIL_BYTES = 40 * 1024 * 1024
MAX_ATTACHMENT_BYTES = 25 * 1024 * 1024
MAX_FILES_BYTES = env_int("MAX_FILES_MB", default=25, minimum=1, maximum=100) * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 20
FILE_UPLOAD_PERMISSIONS = 0o600

# --- Files -----------------------------------------------------------------------------------------------
ATTACHMENTS_DIR = Path(env_str("ATTACHMENTS_DIR", default=str(DATA_DIR / "attachments")))
STATIC_URL = "/static/"
STATIC_ROOT = Path(env_str("STATIC_ROOT", default=str(DATA_DIR / "static")))
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(ATTACHMENTS_DIR)},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Accounts --------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "helpdesk.accounts.adapter.StaffAccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGIN_TIMEOUT = 15 * 60
ACCOUNT_RATE_LIMITS = False  # helpdesk.accounts.limits counts, with a pause whose end people are told
MFA_ADAPTER = "helpdesk.accounts.adapter.StaffMfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_RECOVERY_CODE_COUNT = 10
MFA_TOTP_TOLERANCE = 1  # steps of 30 s; each step is used once (helpdesk.accounts.second_factor)
INVITATION_HOURS = 72
RESET_HOURS = 1
MFA_TOTP_ISSUER = "Presteza"
REQUIRE_SECOND_FACTOR = env_bool("REQUIRE_SECOND_FACTOR", default=not EMBEDDED)

# --- Sessions, cookies, headers (security.md 2) ------------------------------------------------------------
SESSION_COOKIE_AGE = 7 * 24 * 3600
STAFF_IDLE_SECONDS = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "helpdesk.errors.csrf_failure"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
if ON_LOOPBACK:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "presteza-session", "presteza-csrf"
    SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008", "security.W012", "security.W016"]
else:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env_bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    if env_bool("BEHIND_PROXY", default=False):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

# --- Language and time -------------------------------------------------------------------------------------
LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", _("Portuguese (Brazil)")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env_str("TIME_ZONE", default="America/Sao_Paulo")
LANGUAGE_COOKIE_NAME = "presteza-lang"
FORMAT_MODULE_PATH = ["helpdesk.formats"]

# --- Observation -------------------------------------------------------------------------------------------
METRICS_TOKEN = env_secret("METRICS_TOKEN", default="")
LOG_LEVEL = env_str("LOG_LEVEL", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"scrub": {"()": "helpdesk.logs.ScrubFilter"}},
    "formatters": {"json": {"()": "helpdesk.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["scrub"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {"django.server": {"handlers": ["stderr"], "propagate": False}, "httpx": {"level": "WARNING"}},
}
