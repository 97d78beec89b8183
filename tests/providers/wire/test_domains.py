"""Names that are not on the internet."""

import pytest

from providers import registry
from providers.message import Mailbox
from providers.mime import fit
from providers.smtp.adapter import SMTP, read_url
from providers.wire import domains
from tests.providers.letters import letter


@pytest.mark.parametrize(
    "name", ["local", "test", "internal", "lan", "intranet", "corp", "home.arpa", "localdomain"]
)
def test_a_private_name_is_known_in_any_case_and_depth(name):
    assert domains.is_special_use(f"firma.{name}")
    assert domains.is_special_use(f"Mail.Firma.{name.upper()}")


@pytest.mark.parametrize(
    "name",
    ["example.org", "local.example.org", "firma.locale", "mylocal", "test.de", "shop.example", "lan.fr"],
)
def test_a_public_name_is_none(name):
    assert not domains.is_special_use(name)


@pytest.mark.parametrize("url", [
    "http://127.0.0.1:5555", "http://localhost:25", "https://ses.firma.local/x", "http://moto:5000", "http://[::1]:1",
    "http://192.168.1.5", "http://10.0.0.1/api", "http://fault.test",
])  # fmt: skip
def test_an_address_of_the_house_is_near(url):
    assert domains.leads_near(url)


@pytest.mark.parametrize(
    "url", ["", "https://api.sendgrid.com", "https://8.8.8.8", "https://localhost.example.org"]
)
def test_a_vendor_s_address_is_not(url):
    assert not domains.leads_near(url)


VARIABLES = {
    "AWS_SES_REGION": "eu-west-1",
    "SENDGRID_API_KEY": "SG.key",
    "MAILGUN_API_KEY": "key",
    "MAILGUN_DOMAIN": "mail.example.org",
    "MANDRILL_API_KEY": "key",
    "SMTP_URL": "smtp://mail.firma.local:587",
    "HOUSE_DJANGO_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "POSTMARK_DJANGO_BACKEND": "anymail.backends.postmark.EmailBackend",
    "POSTMARK_DJANGO_OPTIONS": '{"server_token": "token"}',
}
NAMES = ["ses", "sendgrid", "mailgun", "mandrill", "smtp", "house=django", "postmark=django", "sandbox"]


def carriers(**variables):
    message = letter(to=(Mailbox(address="ann@firma.local"),))
    built = registry.build(NAMES, {**VARIABLES, **variables})
    assert len(built) == len(NAMES)
    return {provider.name for provider in built if not fit.unfit(provider, message)}


def test_who_delivers_in_the_house_reaches_its_names():
    assert carriers() == {"smtp", "house", "sandbox"}


def test_an_emulator_takes_what_is_for_tests():
    near = "http://127.0.0.1:5555"
    found = carriers(
        AWS_SES_ENDPOINT_URL=near, SENDGRID_BASE_URL=near, MAILGUN_BASE_URL=near, MANDRILL_BASE_URL=near,
        POSTMARK_DJANGO_OPTIONS=f'{{"server_token": "token", "api_url": "{near}"}}',
    )  # fmt: skip
    assert len(found) == len(NAMES)


@pytest.mark.parametrize(
    "host", ["smtp.sendgrid.net", "email-smtp.eu-west-1.amazonaws.com", "smtp.mandrillapp.com"]
)
def test_a_vendor_s_smtp_server_delivers_on_the_internet(host):
    assert not SMTP(read_url(f"smtp://u:p@{host}")).limits.special_use_domains
