"""Comes after allauth's apps: its page in the admin replaces theirs."""

from django.apps import AppConfig


class LoginConfig(AppConfig):
    """The login."""

    name = "gomail.login"
    verbose_name = "Login"
