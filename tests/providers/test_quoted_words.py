"""A vendor's quote of a message decides nothing for others: addresses, file names and headers are chosen by senders."""

import smtplib
from typing import Any

import pytest

from providers import errors
from providers.django import errors as django
from providers.mailgun import errors as mailgun
from providers.mandrill import errors as mandrill
from providers.message import Mailbox, Message
from providers.sendgrid import errors as sendgrid
from providers.ses import errors as ses
from providers.smtp.errors import Reply, Reporter
from providers.wire import words
from providers.wire.http import Answer
from tests.providers.letters import letter

FOR_ALL = (errors.AccountProblem, errors.Throttled, errors.DomainRefused)
# Words that vendors use when an account cannot send or must pause, as somebody's name before an @.
EVIL = [
    *("account", "quota", "credit", "suspended", "suspend", "paused", "disabled", "credential", "permission"),
    *(
        "relay",
        "authenticate",
        "token",
        "api-key",
        "apikey",
        "billing",
        "payment",
        "unauthorized",
        "identity",
    ),
    *("tenant", "endpoint", "region", "arn", "configuration.set", "rate", "limit", "throttle", "too.many"),
    *("key", "pending.approval", "access.denied", "test-mode-limit", "unsigned", "not-allowed-to-send"),
]
FORMS = [
    "{0}",
    "<{0}>",
    "Invalid recipient {0}: no such user",
    "550 5.1.1 <{0}> user unknown",
    "The address '{0}' is malformed",
    'The address "{0}" is malformed',
    "Local address contains illegal characters: {0}; try another",
    "Mailbox of {0}@example.net does not exist",
    "Attachment '{0}.pdf' is broken",
    'Attachment "x" {0} "y" is broken',
]


def evil_letter(name: str) -> Message:
    return letter(to=(Mailbox(address=f"{name}@example.com"),), subject=name, tags=(name,))


def answered(status: int, body: Any) -> Answer:
    import json

    return Answer(status=status, headers={}, body=json.dumps(body).encode())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", EVIL)
def test_no_name_closes_a_provider(name: str, form: str) -> None:
    message = evil_letter(name)
    said = form.format(f"{name}@example.com" if "@" not in form and "pdf" not in form else name)
    kinds = {
        "ses": type(ses.classified("ses", aws("BadRequestException", said), message, ())),
        "ses rejected": type(ses.classified("ses", aws("MessageRejected", said), message, ())),
        "sendgrid": type(sendgrid.classified("sendgrid", answered(400, {"errors": [{"message": said}]}), ())),
        "mailgun": type(mailgun.classified("mailgun", answered(400, {"message": said}), ())),
        "mandrill": type(mandrill.classified("mandrill", answered(500, validation(said)), ())),
        "smtp rcpt": type(
            Reporter("smtp", ()).of_recipients({message.to[0].address: Reply(code=550, text=said)})
        ),
        "smtp data": type(Reporter("smtp", ()).of_content(Reply(code=554, text=quoted_alone(said, name)))),
        "smtp later": type(Reporter("smtp", ()).of_content(Reply(code=450, text=quoted_alone(said, name)))),
        "django": type(of_anymail(422, {"Message": said}, message)),
    }

    assert {leg: kind.__name__ for leg, kind in kinds.items() if issubclass(kind, FOR_ALL)} == {}


@pytest.mark.parametrize(
    "said",
    [
        "account suspended",
        "Your account is suspended (see https://example.net/help)",
        "Message rejected: quota used up",
        'The account "shop" is disabled',
        "You have no permission to send <b>anything</b>",
    ],
)
def test_a_vendors_own_words_still_do(said: str) -> None:
    assert type(Reporter("smtp", ()).of_content(Reply(code=554, text=said))) is errors.AccountProblem
    assert (
        type(of_anymail(422, {"Message": said.replace("permission", "credit")}, letter()))
        is errors.AccountProblem
    )


@pytest.mark.parametrize(
    ("identities", "kind"),
    [
        ("shop@example.org", errors.SenderRefused),
        ("Shop <shop@example.org>", errors.SenderRefused),
        ("example.org", errors.DomainRefused),
        ("ann@example.com", errors.AccountProblem),  # the account is in the sandbox
        ("shop@example.org, ann@example.com", errors.SenderRefused),
        ("pann@example.com", errors.SenderRefused),  # only ends like a recipient
        ("notexample.org", errors.SenderRefused),
        ("x@example.org", errors.SenderRefused),
    ],
)
def test_an_identity_is_compared_whole(identities: str, kind: type[errors.ProviderError]) -> None:
    said = f"Email address is not verified. The following identities failed the check in region EU-WEST-1: {identities}"
    message = letter(
        sender=Mailbox(address="shop@example.org"), to=(Mailbox(address="ann@example.com"),), cc=(), bcc=()
    )

    assert type(ses.classified("ses", aws("MessageRejected", said), message, ())) is kind


def test_what_is_left_are_the_vendors_own_words() -> None:
    said = "Sending to <a@b.cd> in 'x' tenant 'y' of account.example (quota) is paused for Order 7"

    assert words.own(said, ["order 7"]).split() == ["Sending", "to", "in", "of", "is", "paused", "for"]


def quoted_alone(said: str, name: str) -> str:
    """Leave only forms that mark what they quote: a mail server's reply is all there is of its message."""
    return said if f"{name}@" in said or f"{name}.pdf" in said or f'" {name} "' in said else f"<{name}>"


def aws(code: str, said: str) -> Answer:
    return Answer(status=400, headers={"x-amzn-ErrorType": code}, body=answered(400, {"message": said}).body)


def validation(said: str) -> dict[str, Any]:
    return {"status": "error", "code": -2, "name": "ValidationError", "message": said}


def of_anymail(status: int, body: dict[str, Any], message: Message) -> errors.ProviderError:
    import json

    import requests
    from anymail.exceptions import AnymailRequestsAPIError  # type: ignore[import-untyped]

    response = requests.Response()
    response.status_code, response._content = status, json.dumps(body).encode()
    error = AnymailRequestsAPIError("refused", response=response)
    return django.classified("house", error, {}, (), words.quotable(message))


def test_smtplibs_errors_of_recipients_decide_nothing_either() -> None:
    refused = {"relay@example.com": (550, b"relay@example.com: no such user relay")}
    error = django.classified("house", smtplib.SMTPRecipientsRefused(refused), {}, ())

    assert not isinstance(error, FOR_ALL)
