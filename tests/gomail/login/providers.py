"""A provider of OpenID Connect on loopback, and how people come back from it."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_httpserver import HTTPServer

ASKED = "/accounts/oidc/oidc/login/"


@pytest.fixture
def provider(httpserver: HTTPServer, settings: Any) -> HTTPServer:
    url = httpserver.url_for("").rstrip("/")
    application = {
        "provider_id": "oidc",
        "name": "Example",
        "client_id": "gomail",
        "secret": "s3cret",
        "settings": {"server_url": url, "oauth_pkce_enabled": True},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [application]}}
    names = ("authorization", "token", "userinfo")
    found = {f"{name}_endpoint": f"{url}/{name}" for name in names} | {
        "issuer": url,
        "jwks_uri": f"{url}/keys",
    }
    httpserver.expect_request("/.well-known/openid-configuration").respond_with_json(found)
    httpserver.expect_request("/token").respond_with_json({"access_token": "x", "token_type": "Bearer"})
    return httpserver


def come(client: Client, provider: HTTPServer, asked: str = ASKED, **claims: Any) -> Any:
    """Go to the provider and come back with these claims."""
    provider.expect_request("/userinfo").respond_with_json({"sub": "4711", **claims})
    onward = client.post(asked).context["redirect_to"]
    state = parse_qs(urlsplit(onward).query)["state"][0]
    return client.get(f"{ASKED}callback/", {"code": "c", "state": state})
