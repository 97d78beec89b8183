"""The WSGI application. It runs the system checks, so a misconfigured service refuses to start and says why."""

import os
from io import StringIO

from django.core.management import call_command
from django.core.management.commands import check
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gomail.settings")

from api import body_limit  # after DJANGO_SETTINGS_MODULE: it reads the settings

django = get_wsgi_application()

from api import authentication  # noqa: E402 - after get_wsgi_application(): it imports the models
from gomail.server import record  # noqa: E402

application = body_limit.BodyLimit(
    django, most=body_limit.most, admits=authentication.admits, whose=authentication.whose, note=record.note
)
# Django's own: ours asks the database, and this must not wait for it. `make run` has printed the warnings already.
_told = StringIO() if os.environ.get("GOMAIL_WARNINGS_TOLD") else None
call_command(check.Command(), stdout=_told, stderr=_told)
