"""What a provider cannot carry it is not offered, and the reason is told."""

import pytest

from providers import registry
from providers.message import Mailbox
from providers.mime import fit
from tests.providers.letters import file, letter

BOTH = {
    "AWS_SES_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "wJalr",
    "SENDGRID_API_KEY": "SG.key",
}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, {}),
        ({"attachments": (file(b"x", "SETUP.Exe"),)}, {"ses": "ses does not take .exe files"}),
        ({"attachments": (file(b"x", "setup.exe. "),)}, {"ses": "ses does not take .exe files"}),
        ({"attachments": (file(b"x", "exe"), file(b"x", "a.exe.pdf"))}, {}),
        ({"subject": " "}, {}),
        (
            {"attachments": (file(b"x"), file(b"", "stderr.log"))},
            {"sendgrid": "sendgrid does not take an empty file: stderr.log"},
        ),
        (
            {"to": (), "bcc": (Mailbox(address="h@example.com"),)},
            {"sendgrid": "sendgrid takes no message without a recipient in To"},
        ),
        (
            {"cc": (Mailbox(address="ann@firma.local"),)},
            {
                name: f"{name} delivers on the internet, where firma.local is not"
                for name in ("ses", "sendgrid")
            },
        ),
        ({"bcc": (Mailbox(address="a@b.cd"),) * 60}, {"ses": "ses takes 50 recipients, not 61"}),
        ({"attachments": (file(b"x" * 25_000_000),)}, {"sendgrid": "sendgrid takes 30 MB, not 34.2 MB"}),
    ],
)
def test_a_provider_that_cannot_carry_a_message_says_why(changes, why):
    providers = registry.build(["ses", "sendgrid", "sandbox"], BOTH)
    reasons = {provider.name: fit.unfit(provider, letter(**changes)) for provider in providers}
    assert {name: reason for name, reason in reasons.items() if reason} == why


def test_the_sizes_are_those_of_the_encoded_message():
    large = letter(attachments=(file(b"x" * 29_000_000),))
    first, second = registry.build(["ses", "sendgrid"], BOTH)
    assert (fit.unfit(first, large), fit.unfit(second, large) != "") == ("", True)
