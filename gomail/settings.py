"""Everything configurable comes from the environment; a .env file beside manage.py fills in what it lacks.

The names are explained in .env.example. A secret may be given as NAME_FILE, the path of a file that holds it.
"""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from gomail import __version__, accounts, databases, environment, logs, openapi, proxies, theme
from gomail.environment import BASE_DIR
from gomail.login import configuration as login

DEBUG = environment.truth("DJANGO_DEBUG", default=False)
SECRET_KEY = environment.text(
    "DJANGO_SECRET_KEY", "insecure-development-key-" * 3 if DEBUG else "unset"
)  # too short: refused by a check
SECRET_KEY_FALLBACKS = environment.words(
    "DJANGO_SECRET_KEY_FALLBACKS"
)  # former ones, that are still believed
ALLOWED_HOSTS = environment.words("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]" if DEBUG else "")

INSTALLED_APPS = [
    "delivery",  # first: some templates of the theme are replaced by its own
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",  # for a page of allauth
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "gomail.login",
    "api",
]

MIDDLEWARE = [
    "gomail.request_id.RequestId",
    "gomail.middleware.TrustedProxies",
    "gomail.middleware.ContentSecurityPolicy",
    "gomail.middleware.Uncached",
    "gomail.middleware.NoNul",
    "gomail.middleware.PeoplesTime",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "gomail.acting.Acting",
    "gomail.middleware.TriesLimit",
    "api.reading.ReadsLeft",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "gomail.urls"
WSGI_APPLICATION = "gomail.wsgi.application"
APPEND_SLASH = False  # a redirected POST would lose its body

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "gomail" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gomail.login.pages.look",
            ],
            "libraries": {"breadcrumbs": "delivery.admin.breadcrumbs"},
        },
    },
]

# Durable before acknowledged: WAL with FULL syncs every commit; IMMEDIATE takes the write lock at BEGIN, where it
# can be waited for (DEFERRED fails with "database is locked" in the middle of a transaction). What is deleted is
# overwritten, by every process: else an erased person's address stays in free pages (most builds do so by themselves).
_SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
}
_database = databases.parsed(environment.text("DATABASE_URL", f"sqlite:///{BASE_DIR / 'gomail.sqlite3'}"))
# Seconds. If connections are scarce, each becomes available now and then to the first that asks.
_database["CONN_MAX_AGE"] = 60
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["OPTIONS"] = _SQLITE_OPTIONS
else:
    _database["CONN_HEALTH_CHECKS"] = True
    _database["OPTIONS"] = {"connect_timeout": 5} | _database.get("OPTIONS", {})
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTHENTICATION_BACKENDS = ["delivery.access.passwords.LimitedBackend"]
PASSWORD_HASHERS = ["delivery.access.passwords.SeatedHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "delivery.access.passwords.NotTooLong"},
]

# People log in below /accounts/, also for the admin: docs/login.md.
LOGIN_URL, LOGIN_REDIRECT_URL = "/accounts/login/", "/admin/"
ACCOUNT_ADAPTER = "gomail.login.adapters.AccountAdapter"
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_FORMS = login.ACCOUNT_FORMS
ACCOUNT_LOGIN_METHODS = {"username"}  # or the address of mail: delivery/access/passwords.py
ACCOUNT_EMAIL_VERIFICATION = SOCIALACCOUNT_EMAIL_VERIFICATION = "none"  # whoever invites knows the address
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # nobody is written to who is not here
ACCOUNT_RATE_LIMITS = False  # counted by delivery/access/tries.py, over all processes
ACCOUNT_REAUTHENTICATION_METHODS = ["password", "mfa"]
ACCOUNT_SESSION_REMEMBER = True  # every session ends after SESSION_COOKIE_AGE
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = login.LINKS
PASSWORD_RESET_TIMEOUT = 60 * 60
MFA_ADAPTER = "gomail.login.adapters.MFAAdapter"
MFA_FORMS = login.MFA_FORMS
MFA_RATE_LIMITS = False
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # half a minute by which a telephone's clock may be wrong
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG
SOCIALACCOUNT_ADAPTER = "gomail.login.adapters.SocialAccountAdapter"
SOCIALACCOUNT_PROVIDERS = login.oidc()

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"  # of the API, the log and all that is stored
PEOPLES_TIME_ZONE = environment.zone("TIME_ZONE")  # of the admin
USE_I18N = False
USE_TZ = True

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # served straight from the packages: nothing to collect, nothing to forget
WHITENOISE_AUTOREFRESH = False

GOMAIL_STORAGE_DIR = environment.text("GOMAIL_STORAGE_DIR", str(BASE_DIR / "data" / "attachments"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "attachments": {
        "BACKEND": "delivery.files.storage.ContentStorage",
        "OPTIONS": {"location": GOMAIL_STORAGE_DIR},
    },
}
# Providers' answers until the database has them: a local folder, shared by all processes of this machine.
GOMAIL_JOURNAL_DIR = environment.text("GOMAIL_JOURNAL_DIR", str(BASE_DIR / "data" / "journal"))
# What the processes of this machine count, for /metrics: a local folder that all of them share.
GOMAIL_METRICS_DIR = environment.text("GOMAIL_METRICS_DIR", str(Path(GOMAIL_JOURNAL_DIR) / "metrics"))
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
# One upload costs one file on disk, whatever its size, and no memory.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]

# The whole service: no cookie, page or answer is sent unencrypted outside development.
SESSION_ENGINE = "delivery.access.sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_HTTPONLY, SESSION_COOKIE_SAMESITE = True, "Lax"  # Lax: links in mails lead to pages
CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = False  # TLS ends at the proxy in front, which redirects
GOMAIL_TRUSTED_PROXIES = proxies.trusted()  # whose X-Forwarded-For and X-Forwarded-Proto are believed
# gomail/middleware.py leaves the header only where it is believed.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# W008: SECURE_SSL_REDIRECT, see above. W005, W021: the domain's other hosts are not ours to bind to HTTPS.
SILENCED_SYSTEM_CHECKS = ["security.W008", "security.W005", "security.W021"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.authentication.BearerKey"],
    "DEFAULT_PERMISSION_CLASSES": ["api.authentication.KeyHasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["api.reading.ReadRate", "api.parameters.Known"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "api.negotiation.AlwaysJSON",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "api.scoped_schema.ScopedSchema",
    "EXCEPTION_HANDLER": "api.errors.answer",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = openapi.DOCUMENT

UNFOLD = theme.UNFOLD
# Traces go to the collector of OpenTelemetry that its own variables name; then requirements/tracing.txt is needed.
GOMAIL_TRACING = not environment.truth("OTEL_SDK_DISABLED", default=False) and bool(
    environment.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environment.text("OTEL_EXPORTER_OTLP_ENDPOINT")
)
LOG_FORMAT = environment.text("LOG_FORMAT", "text")
LOGGING = logs.configured(LOG_FORMAT)
TEST_RUNNER = "pytest_django.runner.TestRunner"

# The service itself.
GOMAIL_VERSION = __version__
DEFAULT_FROM_EMAIL = environment.text("DEFAULT_FROM_EMAIL")
API_KEY_REQUIRED = environment.truth("API_KEY_REQUIRED", default=True)
ATTACHMENTS_MAX_BYTES = environment.number("ATTACHMENTS_MAX_BYTES", 7 * 1024 * 1024, least=0)

# Emails that a worker hands over at the same time; each thread keeps a database connection.
WORKER_THREADS = environment.number("WORKER_THREADS", 32, most=1_000)

# Back-pressure: with more emails waiting, or less free MiB on a disk, no further email is accepted.
GOMAIL_QUEUE_MAX = environment.number("GOMAIL_QUEUE_MAX", 100_000)
GOMAIL_DISK_MIN_MB = environment.number("GOMAIL_DISK_MIN_MB", 256, least=0)
# What a team may do unless its own row says otherwise (docs/limits.md); 0: no limit.
GOMAIL_RATE_PER_SECOND = environment.rate("GOMAIL_RATE_PER_SECOND")
GOMAIL_READS_PER_SECOND = environment.rate("GOMAIL_READS_PER_SECOND", "100")
GOMAIL_RATE_BURST = environment.number("GOMAIL_RATE_BURST", 0, least=0)
GOMAIL_DAILY_EMAILS = environment.number("GOMAIL_DAILY_EMAILS", 0, least=0)
GOMAIL_WAITING_EMAILS = environment.number("GOMAIL_WAITING_EMAILS", 0, least=0)
GOMAIL_STORED_MB = environment.number("GOMAIL_STORED_MB", 0, least=0)
# If set, the workers are Celery workers (gomail/celery.py). Installations that share a broker need different prefixes.
CELERY_BROKER_URL = environment.text("CELERY_BROKER_URL")
CELERY_QUEUE_PREFIX = environment.text("CELERY_QUEUE_PREFIX", "gomail")

# Where a fault run kills processes; see providers/failpoints.py. In production it would take the service down.
GOMAIL_FAILPOINTS = environment.text("GOMAIL_FAILPOINTS")
if GOMAIL_FAILPOINTS and not environment.truth("GOMAIL_TESTING", default=False):
    raise ImproperlyConfigured(
        "GOMAIL_FAILPOINTS kills processes in the middle of their work; unset it. Only the project's own fault runs, "
        "which set GOMAIL_TESTING, may use it."
    )

# Seconds to wait for a late answer, or for an event, before an unknown email is sent again; SendGrid's events come
# together after 30 s. GOMAIL_HOLD_SECONDS_SES is one provider's own.
GOMAIL_HOLD_SECONDS = environment.number("GOMAIL_HOLD_SECONDS", 30, least=0, most=accounts.LONGEST_HOLD)

# The virus scanner, unix:///… or tcp://host:3310. If set, attachments are scanned and never sent unscanned.
CLAMD_URL = environment.text("CLAMD_URL")
# Archives that are refused because nobody can look into them: encrypted, rar, 7z; or none.
GOMAIL_REFUSED_ARCHIVES = tuple(environment.words("GOMAIL_REFUSED_ARCHIVES", "encrypted"))

# Webhooks out: networks of one's own that they may reach, ports beside 443, seconds before each try.
GOMAIL_WEBHOOK_ALLOWED_NETS = environment.networks("GOMAIL_WEBHOOK_ALLOWED_NETS")
GOMAIL_WEBHOOK_PORTS = environment.ports("GOMAIL_WEBHOOK_PORTS")
GOMAIL_WEBHOOK_SCHEDULE = environment.seconds(
    "GOMAIL_WEBHOOK_SCHEDULE", "0,5,300,1800,7200,18000,36000,50400,72000,86400"
)

# The name servers that the DNS records of sender domains are looked up at; empty: the machine's own.
GOMAIL_DNS_SERVERS = environment.name_servers("GOMAIL_DNS_SERVERS")

# Days for which each part of an email is kept after it is finished; 0: for ever. `manage.py prune` deletes.
_LONGEST_KEPT = 36_500
GOMAIL_KEEP_BODIES_DAYS = environment.number("GOMAIL_KEEP_BODIES_DAYS", 0, least=0, most=_LONGEST_KEPT)
GOMAIL_KEEP_ATTACHMENTS_DAYS = environment.number(
    "GOMAIL_KEEP_ATTACHMENTS_DAYS", 0, least=0, most=_LONGEST_KEPT
)
GOMAIL_KEEP_EMAILS_DAYS = environment.number("GOMAIL_KEEP_EMAILS_DAYS", 0, least=0, most=_LONGEST_KEPT)

GOMAIL_PROVIDERS = tuple(environment.words("GOMAIL_PROVIDERS", "ses,sendgrid"))
# Headers of clients that a mail server or a Django backend may be given beside the usual ones; others are passed over.
GOMAIL_ALLOWED_HEADERS = tuple(environment.words("GOMAIL_ALLOWED_HEADERS", ""))
GOMAIL_HOLDS = accounts.holds(GOMAIL_PROVIDERS)  # seconds, where they are not GOMAIL_HOLD_SECONDS
# Django hides the whole of a setting with SECRET in its name on its error pages.
PROVIDER_SECRETS = accounts.variables(GOMAIL_PROVIDERS)
# Who may read /metrics: whoever shows this token, or with none whoever asks from these networks; with neither nobody.
METRICS_SECRET = environment.text("GOMAIL_METRICS_TOKEN")
# Where a worker answers /metrics itself, host:port, on machines without a web process.
GOMAIL_METRICS_LISTEN = environment.place("GOMAIL_METRICS_LISTEN")
GOMAIL_METRICS_NETS = environment.networks("GOMAIL_METRICS_NETS")
# The address at which people and providers reach this installation, such as https://mail.example.org.
GOMAIL_PUBLIC_URL = environment.text("GOMAIL_PUBLIC_URL").rstrip("/")
# Keys that sign unsubscribe links, newest first; a link stays valid as long as its key is among them.
GOMAIL_LINK_KEYS = tuple(environment.words("GOMAIL_LINK_KEYS"))
# Keys of what is kept of erased people, newest first: with them a suppression of such a person goes on working.
GOMAIL_TOMBSTONE_KEYS = tuple(environment.words("GOMAIL_TOMBSTONE_KEYS"))
# Where people are told of incidents, by apprise, and what is pinged each minute. Named so that Django hides them whole.
ALERT_SECRETS = environment.urls("GOMAIL_ALERT_URLS")
HEARTBEAT_SECRET = environment.text("GOMAIL_HEARTBEAT_URL")

MISSPELT_VARIABLES = environment.misspelt()  # last: by now all others have been asked for
