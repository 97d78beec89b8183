"""What the HTTP server loads. A service that cannot work refuses to start, and says why."""

import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gomail.settings")

from api.body_limit import BodyLimit  # after that: it reads the settings

django = get_wsgi_application()

from api import authentication  # noqa: E402 - after that: it knows the models

application = BodyLimit(django, admits=authentication.admits)
call_command("check")
