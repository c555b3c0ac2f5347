"""Django's settings: the only place that reads the environment, apart from `home`."""

import os
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from allmende.wiring import home as places

# With TLS from the first byte (smtps), with TLS asked for, or without, on one machine.
SMTP_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
LEAST_TOKEN_LETTERS = 20

HOME = places.home()
SECRET_KEY = places.secret_key()
DEBUG = False
ALLOWED_HOSTS = os.environ.get("ALLMENDE_HOSTS", "localhost,127.0.0.1,[::1],testserver").split(",")
ROOT_URLCONF = "allmende.web.urls"
WSGI_APPLICATION = None
APPEND_SLASH = False
CSRF_FAILURE_VIEW = "allmende.web.errors.csrf_failure"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/home"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allmende.storage",
    "allmende.web",
]

MIDDLEWARE = [
    "allmende.web.security.security_headers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allmende.web.errors.RefusalPages",
]


def _database() -> dict[str, Any]:
    url = os.environ.get("ALLMENDE_DATABASE_URL", "")
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": HOME / "allmende.sqlite3",
            "OPTIONS": {
                # Take the write lock at BEGIN: two deeds queue instead of failing half way.
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                "PRAGMA foreign_keys=ON;",
            },
        }
    parts = urlsplit(url)
    socket_folder = parse_qs(parts.query).get("host", [""])[0]  # postgresql:///name?host=/run/…
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": socket_folder or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": {
            # As patient as SQLite above; and nobody keeps locks while it does nothing.
            "options": "-c lock_timeout=30s -c idle_in_transaction_session_timeout=60s",
            # A server that is gone is noticed in seconds, not in hours.
            "connect_timeout": 10,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
        },
    }


DATABASES = {"default": _database()}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [places.PROJECT / "src/allmende/web/templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "allmende.web.context.describe_page",
            ],
        },
    }
]

USE_TZ = True
TIME_ZONE = "Europe/Berlin"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [places.PROJECT / "src/allmende/locale"]
FORMAT_MODULE_PATH = "allmende.web.formats"

STATIC_URL = "/static/"
STATICFILES_DIRS = [places.PROJECT / "src/allmende/web/static"]
WHITENOISE_USE_FINDERS = True

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# People sign in with their e-mail address; a person stands behind every login (services/people).
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "allmende.web.forms.sign_up.SignUpForm"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Allmende: "
LOGIN_REDIRECT_URL = "/home"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
# The address that people type, where a web server before this one ends HTTPS: forms from there
# are trusted, and cookies travel encrypted only.
ADDRESS = os.environ.get("ALLMENDE_ADDRESS", "").rstrip("/")
# Where browsers reach the gate to sessions: never the portal's own origin, since what runs there
# is the users' own code.
GATE_PORT = int(os.environ.get("ALLMENDE_GATE_PORT", "8001"))
GATE_ADDRESS = os.environ.get("ALLMENDE_GATE_ADDRESS", f"http://localhost:{GATE_PORT}").rstrip("/")
CSRF_TRUSTED_ORIGINS = [ADDRESS] if ADDRESS else []
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ADDRESS.startswith("https://")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Counted while a file comes in, by the web server, by Django and where it is written down.
DOCUMENT_BYTES_MAX = places.document_megabytes() * 1_000_000
FILE_UPLOAD_HANDLERS = [
    "allmende.web.uploads.CountingHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
# With it a monitoring system reads /metrics; empty: only operators do, with tokens of their own.
METRICS_TOKEN = os.environ.get("ALLMENDE_METRICS_TOKEN", "")
if METRICS_TOKEN and len(METRICS_TOKEN) < LEAST_TOKEN_LETTERS:
    raise ImproperlyConfigured(
        f"ALLMENDE_METRICS_TOKEN has at least {LEAST_TOKEN_LETTERS} letters."
    )
# Each noun's migrations are one history in storage/migrations.
# Where no mail server is named, mails become files, for people who try things out.
EMAIL_FILE_PATH = HOME / "mail"
EMAIL_TIMEOUT = 20  # seconds
_mail_server = urlsplit(os.environ.get("ALLMENDE_SMTP_URL", ""))
if _mail_server.geturl() and (_mail_server.scheme not in SMTP_PORTS or not _mail_server.hostname):
    _beginnings = ", ".join(f"{scheme}://" for scheme in SMTP_PORTS)
    raise ImproperlyConfigured(f"ALLMENDE_SMTP_URL is one of {_beginnings} and a host.")
_way = "smtp" if _mail_server.scheme else "filebased"
EMAIL_BACKEND = f"django.core.mail.backends.{_way}.EmailBackend"
EMAIL_HOST = _mail_server.hostname or ""
EMAIL_PORT = _mail_server.port or SMTP_PORTS.get(_mail_server.scheme, 0)
EMAIL_HOST_USER = unquote(_mail_server.username or "")
EMAIL_HOST_PASSWORD = unquote(_mail_server.password or "")
EMAIL_USE_TLS = _mail_server.scheme == "smtp+starttls"
EMAIL_USE_SSL = _mail_server.scheme == "smtps"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = os.environ.get("ALLMENDE_MAIL_FROM", "allmende@localhost")
# Who reads answers to what the office writes; empty: whoever reads the sender's mail.
MAIL_REPLY_TO = os.environ.get("ALLMENDE_MAIL_REPLY_TO", "")
