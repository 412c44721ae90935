"""Every setting of the product, in labelled sections; addresses and secrets come from the environment.

`.env.example` lists the variables with their units. A wrong value is reported by a system check, not here.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from botocore.config import Config
from celery.schedules import crontab

from telemetry.logs import process_name

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def _json_or_text(text: str) -> Any:
    """Return what `text` says in JSON, or the text itself, which a check will find wrong."""
    try:
        return json.loads(text)
    except ValueError:
        return text


# --- Process -----------------------------------------------------------------------------------------------

DEMO = env.bool("DEMO", default=False)
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
#: Keys of before: unsubscribe links in mails live for 400 days, longer than a key may.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
BIND_ADDRESS = env.str("BIND_ADDRESS", default="127.0.0.1")
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[urlsplit(PUBLIC_URL).hostname or "127.0.0.1"])
#: Origins of the pages that may show the bell: CORS for REST and the Origin check of the socket (spec §2).
ALLOWED_ORIGINS = env.list("ALLOWED_ORIGINS", default=[PUBLIC_URL])

ROOT_URLCONF = "notifications_project.urls"
ASGI_APPLICATION = "notifications_project.asgi.application"
WSGI_APPLICATION = "notifications_project.wsgi.application"

# --- Apps --------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "notifications_project.apps.SupportAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "waffle",
    "preferences",
    "delivery",
    "notifications",
    *(["devstack.demo"] if DEMO else []),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "notifications.health.HostCheck",  # Django's CommonMiddleware
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
APPEND_SLASH = False  # API addresses have no trailing slash, and a redirect would lose a POST's body

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
            ],
        },
    },
    {  # Plain text of notifications: titles and bodies are data, escaped where they are shown
        "NAME": "text",
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {"autoescape": False},
    },
]

# --- Database ----------------------------------------------------------------------------------------------

DATABASES = {
    "default": {
        **env.db_url("DATABASE_URL", default="postgres://notifications@127.0.0.1:5432/notifications"),
        "ENGINE": "django.db.backends.postgresql",
        "CONN_HEALTH_CHECKS": True,  # else the pool hands out what a restart of PostgreSQL has broken
        "OPTIONS": {
            "pool": {
                "min_size": 1,
                "max_size": env.int("DATABASE_POOL_SIZE", default=10),
                "timeout": env.float("DATABASE_POOL_TIMEOUT_SECONDS", default=3),
                "reconnect_timeout": 1,  # its patience grows with an outage; our callers ask again themselves
            },
            "connect_timeout": 3,
            "tcp_user_timeout": 10_000,  # milliseconds; a server that vanished without a word
        },
    }
}
AUTH_USER_MODEL = "preferences.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis: channel layer and rate limits ------------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
CHANNEL_LAYER_PREFIX = "bell"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "delivery.transports.channel_layer.BellChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": CHANNEL_LAYER_PREFIX},
    }
}

# --- SQS ---------------------------------------------------------------------------------------------------

AWS_REGION = env.str("AWS_DEFAULT_REGION", default="us-east-1")
SQS_ENDPOINT_URL = env.str("SQS_ENDPOINT_URL", default="")  # empty: the region's own endpoint
EVENTS_QUEUE_NAME = env.str("EVENTS_QUEUE_NAME", default="notification-events")
EVENTS_QUEUE_URL = env.str("EVENTS_QUEUE_URL", default="")  # empty: looked up by name

# --- Intake ------------------------------------------------------------------------------------------------

INTAKE_BATCH_MESSAGES = env.int("INTAKE_BATCH_MESSAGES", default=500)
#: How long an event waits for company after a quiet moment, and how often a batch leaves that is not full: under load
#: fewer and larger ones cost less than they delay.
INTAKE_BATCH_WAIT = timedelta(milliseconds=env.int("INTAKE_BATCH_WAIT_MS", default=10))
INTAKE_BATCH_EVERY = timedelta(milliseconds=env.int("INTAKE_BATCH_EVERY_MS", default=100))
INTAKE_RECEIVERS = env.int("INTAKE_RECEIVERS", default=4)  # long polls in flight
INTAKE_PROCESSORS = env.int("INTAKE_PROCESSORS", default=2)  # batches in flight, each on its own connection
INTAKE_VISIBILITY_TIMEOUT = timedelta(seconds=env.int("INTAKE_VISIBILITY_TIMEOUT_SECONDS", default=60))
#: Hosts, beside our own origin, that a resource's https address may name (spec §1).
RESOURCE_URL_HOSTS = env.list("RESOURCE_URL_HOSTS", default=[])

# --- Outbound: Celery workers, one SQS queue a channel ------------------------------------------------------

OUTBOUND_QUEUE_PREFIX = env.str("OUTBOUND_QUEUE_PREFIX", default="notification")
OUTBOUND_QUEUES = {"email": f"{OUTBOUND_QUEUE_PREFIX}-email", "push": f"{OUTBOUND_QUEUE_PREFIX}-push"}
MAINTENANCE_QUEUE = f"{OUTBOUND_QUEUE_PREFIX}-maintenance"
#: Longer than the longest task, or SQS hands it to a second worker.
OUTBOUND_VISIBILITY_TIMEOUT = timedelta(minutes=15)
#: What all workers of a channel send together at most; 0 is no limit (delivery/lanes.py).
OUTBOUND_PER_SECOND = {
    "email": env.float("EMAIL_PER_SECOND", default=0),
    "push": env.float("PUSH_PER_SECOND", default=0),
}

CELERY_BROKER_URL = f"sqs://{urlsplit(SQS_ENDPOINT_URL).netloc}"
CELERY_BROKER_TRANSPORT = "notifications_project.broker:Transport"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "region": AWS_REGION,
    "is_secure": not SQS_ENDPOINT_URL.startswith("http://"),
    "visibility_timeout": int(OUTBOUND_VISIBILITY_TIMEOUT.total_seconds()),
    "wait_time_seconds": 10,
    "polling_interval": 0.05,  # after an empty long poll
    # Of sends, which the intake waits for, and of acknowledgements; a long poll has a timeout of kombu's own, 20 s.
    "client-config": {"connect_timeout": 1, "read_timeout": 2, "retries": {"total_max_attempts": 1}},
    "max_retries": 0,
}
CELERY_TASK_PUBLISH_RETRY = False  # the sweeper calls again
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True  # a task may run twice, and a worker's death must not lose it
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # SQS has no broadcasts
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = MAINTENANCE_QUEUE
CELERY_BEAT_SCHEDULE = {
    # What expires is not run late: the next one does the same.
    "sweep": {"task": "delivery.sweep", "schedule": 5, "options": {"expires": 5}},
    "digests": {"task": "delivery.collect_digests", "schedule": crontab(), "options": {"expires": 60}},
    "forecasts": {"task": "notifications.resume_forecasts", "schedule": 60, "options": {"expires": 60}},
    "prune": {"task": "notifications.prune", "schedule": crontab(hour=3, minute=30), "options": {"expires": 3600}},
}

# --- Mail: Amazon SES through django-ses --------------------------------------------------------------------

EMAIL_BACKEND = "django_ses.SESBackend"
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", default="Notifications <notifications@example.com>")
PRODUCT_NAME = env.str("PRODUCT_NAME", default="Notifications")  # at the head of every mail
#: Where people set their preferences: the page that shows the bell.
PREFERENCES_URL = env.str("PREFERENCES_URL", default=f"{PUBLIC_URL}/")
SES_CONFIGURATION_SET = env.str("SES_CONFIGURATION_SET", default="")  # which publishes feedback to SNS
#: SNS topics whose messages /webhooks/ses believes; none by default, so that feedback is refused.
SES_FEEDBACK_TOPIC_ARNS = env.list("SES_FEEDBACK_TOPIC_ARNS", default=[])
AWS_SES_REGION_NAME = AWS_REGION
if _ses_endpoint_url := env.str("SES_ENDPOINT_URL", default=""):  # empty: the region's own endpoint
    AWS_SES_REGION_ENDPOINT_URL = _ses_endpoint_url
AWS_SES_AUTO_THROTTLE = None  # it sleeps in the worker; delivery/lanes.py slows down instead
AWS_SES_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1})

# --- Push: FCM through pyfcm, APNs through aioapns ----------------------------------------------------------

#: How long one push waits for its provider's answer.
PUSH_TIMEOUT = timedelta(seconds=env.float("PUSH_TIMEOUT_SECONDS", default=10))
FCM_PROJECT_ID = env.str("FCM_PROJECT_ID", default="")  # empty: the service account's own
#: A service account's key, itself or its file; neither: no push to Android.
FCM_SERVICE_ACCOUNT_JSON = env.str("FCM_SERVICE_ACCOUNT_JSON", default="")
FCM_SERVICE_ACCOUNT_FILE = env.str("FCM_SERVICE_ACCOUNT_FILE", default="")
FCM_ENDPOINT_URL = env.str("FCM_ENDPOINT_URL", default="").rstrip("/")  # empty: Google's
FCM_CONNECTIONS = env.int("FCM_CONNECTIONS", default=16)  # of one process, each with one push at a time
#: The .p8 key, itself or its file; neither: no push to iOS.
APNS_KEY = env.str("APNS_KEY", default="", multiline=True)
APNS_KEY_FILE = env.str("APNS_KEY_FILE", default="")
APNS_KEY_ID = env.str("APNS_KEY_ID", default="")
APNS_TEAM_ID = env.str("APNS_TEAM_ID", default="")
APNS_TOPIC = env.str("APNS_TOPIC", default="")  # the app's bundle id
APNS_HOST = env.str("APNS_HOST", default="api.push.apple.com")
APNS_PORT = env.int("APNS_PORT", default=443)
APNS_CA_FILE = env.str("APNS_CA_FILE", default="")  # PEM; empty: the system's

# --- Authentication (spec §2 "Auth") -----------------------------------------------------------------------

JWT_ALGORITHM = env.str("JWT_ALGORITHM", default="RS256")  # HS256, RS256 or ES256: ours, never the header's
JWT_SECRET = env.str("JWT_SECRET", default="")  # HS256
JWT_JWKS_URL = env.str("JWT_JWKS_URL", default="")  # RS256 and ES256
JWT_ISSUER = env.str("JWT_ISSUER", default="")
JWT_AUDIENCE = env.str("JWT_AUDIENCE", default="")
#: The Auth Service's token validation (RFC 7662). Once it is set, its word counts and no signature does.
AUTH_INTROSPECTION_URL = env.str("AUTH_INTROSPECTION_URL", default="")
AUTH_INTROSPECTION_CLIENT_ID = env.str("AUTH_INTROSPECTION_CLIENT_ID", default="")  # ours, by HTTP Basic
AUTH_INTROSPECTION_CLIENT_SECRET = env.str("AUTH_INTROSPECTION_CLIENT_SECRET", default="")
#: How long a revoked token may pass, and how often at most each token is asked about. A minute has 10,000 open
#: sockets ask 190 times a second, which an Auth Service can bear; half of it would double that.
AUTH_INTROSPECTION_CACHE = timedelta(seconds=env.float("AUTH_INTROSPECTION_CACHE_SECONDS", default=60))
AUTH_INTROSPECTION_CONNECT_TIMEOUT = timedelta(
    seconds=env.float("AUTH_INTROSPECTION_CONNECT_TIMEOUT_SECONDS", default=1)
)
AUTH_INTROSPECTION_READ_TIMEOUT = timedelta(seconds=env.float("AUTH_INTROSPECTION_READ_TIMEOUT_SECONDS", default=2))
#: The CloudEvents sources under which each service may publish over HTTP, by the `sub` of its tokens.
SERVICE_TOKEN_SOURCES = _json_or_text(env.str("SERVICE_TOKEN_SOURCES", default="{}"))

# --- REST --------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["preferences.api_access.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["preferences.api_access.IsUser"],
    "DEFAULT_THROTTLE_CLASSES": ["preferences.api_access.PerCaller"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "preferences.api_access.OnlyAnswer",
    "DEFAULT_PARSER_CLASSES": [],  # bodies are read by preferences.api_input
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "preferences.api_errors.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Notifications",
    "DESCRIPTION": "What happened, and who wants to hear of it where. Any other method of an address is 405.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {"ErrorCode": "preferences.api_errors.ErrorCode"},
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "preferences.openapi.refuse_unknown_keys",
        "preferences.openapi.require_bodies",
    ],
    "SERVE_AUTHENTICATION": [],  # the documentation is public
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",  # our own static files: the page works offline
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
CORS_ALLOWED_ORIGINS = ALLOWED_ORIGINS
CORS_URLS_REGEX = r"^/api/"
CORS_EXPOSE_HEADERS = ["Retry-After"]

# --- Preferences and rollout -------------------------------------------------------------------------------

DEFAULT_TIMEZONE = env.str("DEFAULT_TIMEZONE", default="UTC")  # for digests of users who chose none
WAFFLE_FLAG_MODEL = "preferences.Flag"
#: How old the flag and the switch may be; the spec allows 5 s.
ROLLOUT_CACHE = timedelta(milliseconds=env.int("ROLLOUT_CACHE_MS", default=1000))
#: How long intake and sending take to full speed after the kill switch; 0: at once (preferences/release.py).
RELEASE_RAMP = timedelta(seconds=env.float("RELEASE_RAMP_SECONDS", default=60))

# --- Retention (spec §4), in days: what is older is taken away by `prune_notifications` and beat ---------------

#: What was decided and why; afterwards nobody can say why an older notification came.
LEDGER_RETENTION = timedelta(days=env.int("LEDGER_RETENTION_DAYS", default=30))
REJECTED_RETENTION = timedelta(days=env.int("REJECTED_RETENTION_DAYS", default=30))
DELIVERY_RETENTION = timedelta(days=env.int("DELIVERY_RETENTION_DAYS", default=90))
NOTIFICATION_RETENTION = timedelta(days=env.int("NOTIFICATION_RETENTION_DAYS", default=365))
#: Feedback that was applied, so that it is not applied again; what is older than an hour is refused anyway.
SES_MESSAGE_RETENTION = timedelta(days=env.int("SES_MESSAGE_RETENTION_DAYS", default=14))
FORECAST_RETENTION = timedelta(days=env.int("FORECAST_RETENTION_DAYS", default=30))

# --- Language, time, static files --------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
STATIC_URL = "/static/"
STATIC_ROOT = None if DEMO else BASE_DIR / "var" / "static"
WHITENOISE_USE_FINDERS = DEMO  # the demo serves the files where they lie; production runs collectstatic
WHITENOISE_ALLOW_ALL_ORIGINS = True  # the bell is loaded by pages of other origins

# --- Security ----------------------------------------------------------------------------------------------

_HTTPS = PUBLIC_URL.startswith("https://")
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=_HTTPS)
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]  # probes come over plain HTTP
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _HTTPS
SECURE_HSTS_PRELOAD = _HTTPS
SESSION_COOKIE_SECURE = _HTTPS
CSRF_COOKIE_SECURE = _HTTPS
X_FRAME_OPTIONS = "DENY"
LOGIN_REDIRECT_URL = "admin:index"  # where a login leads whose `next` does not stay with us
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [  # of those who work in the admin; nobody else has a password
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {
        "NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
]

# --- Metrics: to Datadog's agent, by DogStatsD (telemetry/metrics.py) ---------------------------------------

DOGSTATSD_HOST = env.str("DOGSTATSD_HOST", default="")  # empty: nothing is measured
DOGSTATSD_PORT = env.int("DOGSTATSD_PORT", default=8125)
#: On every metric; the monitors and the dashboard ask by `env` and `service`.
METRICS_TAGS = env.list("METRICS_TAGS", default=["env:production", "service:notifications"])
if DOGSTATSD_HOST:
    CELERY_BEAT_SCHEDULE["measure"] = {
        "task": "notifications.measure_queues",
        "schedule": 10,  # seconds: what the agent gathers
        "options": {"expires": 10},
    }

# --- Logs: to stderr, one line each (telemetry/logs.py) -------------------------------------------------------

#: json, or plain for human eyes: whoever has a terminal, and the demo.
LOG_FORMAT = env.str("LOG_FORMAT", default="plain" if DEMO or sys.stderr.isatty() else "json")
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
#: A line for each event that is stored and each delivery that is sent, beside those for what went wrong.
LOG_EVENTS = env.bool("LOG_EVENTS", default=False)
SERVICE_VERSION = env.str("SERVICE_VERSION", default="")  # which code this is, on each line as `version`
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "telemetry.logs.JsonLines",
            "static_fields": {
                **{name: value for name, _, value in (tag.partition(":") for tag in METRICS_TAGS)},
                **({"version": SERVICE_VERSION} if SERVICE_VERSION else {}),
                "process": process_name(sys.argv),
            },
        },
        "plain": {"()": "telemetry.logs.PlainLines", "with_texts": DEMO},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "aioapns": {"level": "CRITICAL"},  # says for each push of a chunk what its answer says too
        "botocore": {"level": "WARNING"},  # tells at each start where it found its credentials
        "celery": {"level": "WARNING"},  # tells of each task that came and went
        "django_ses": {"level": "WARNING"},  # writes the address of each mail into its messages
        "httpx": {"level": "WARNING"},  # tells of each request
        "psycopg.pool": {"level": "CRITICAL"},  # repeats at every try what whoever wanted a connection says once
        # These bring handlers of their own, which write as they like.
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        "uvicorn": {"handlers": [], "propagate": True, "level": "WARNING"},  # tells of each connection
    },
}
