import smtplib
import socket
import ssl
import threading

import pytest
import requests
import urllib3
from anymail import exceptions

from providers import errors
from providers.django import adapter
from providers.django import errors as django_errors
from tests.providers import certificates
from tests.providers import fault_server as faults
from tests.providers.adapters import ANYMAIL
from tests.providers.letters import ATTEMPT, file, letter, noise
from tests.providers.patience import QUICK, patience
from tests.providers.smtp.server import CLOSE, HANG, ScriptedSMTP

KEY = "pm-secret-token"
LARGE = letter(attachments=(file(noise(6_000_000)),))


@pytest.fixture
def postmark(server):
    provider = ANYMAIL["postmark"].build(server.url, QUICK)
    yield provider
    provider.close()


def failure(server, provider, fault, message=None):
    server.script(fault)
    with pytest.raises(errors.ProviderError) as caught:
        provider.send(message or letter(), ATTEMPT)
    return caught.value


def said(code, text):
    return {"ErrorCode": code, "Message": text}


INACTIVE = (
    "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: "
    "ann@example.com. Inactive recipients are ones that have generated a hard bounce or a spam complaint."
)
TABLE = [
    ("postmark", 401, said(10, "Request does not contain a valid Server token."), errors.AccountProblem),
    ("postmark", 422, said(300, "Invalid 'To' address: 'ann@example.com'."), errors.RecipientsRefused),
    ("postmark", 422, said(300, "Invalid metadata content."), errors.CannotCarry),
    ("postmark", 422, said(400, "The 'From' address you supplied is not a Sender Signature on your account."),
     errors.SenderRefused),
    ("postmark", 422, said(405, "Not allowed to send: your account has run out of credits."),
     errors.AccountProblem),
    ("postmark", 422, said(406, INACTIVE), errors.RecipientsRefused),
    ("postmark", 422, said(412, "While your account is pending approval, …"), errors.AccountProblem),
    ("postmark", 429, said(429, "Rate limit exceeded"), errors.Throttled),
    ("postmark", 500, said(0, "Internal Server Error"), errors.Unknown),
    ("postmark", 503, said(100, "Maintenance"), errors.Unknown),
    ("resend", 401, {"name": "missing_api_key", "message": "Missing API key"}, errors.AccountProblem),
    ("resend", 403, {"name": "validation_error", "message": "The example.org domain is not verified."},
     errors.SenderRefused),
    ("resend", 422, {"name": "missing_required_field", "message": "Missing `to`."}, errors.CannotCarry),
    ("resend", 429, {"name": "rate_limit_exceeded", "message": "Too many requests."}, errors.Throttled),
    ("brevo", 400, {"code": "invalid_parameter", "message": "Sending has been rejected because the sender you "
     "used x@example.org is not valid. Validate your sender or authenticate your domain"}, errors.SenderRefused),
    ("brevo", 401, {"code": "unauthorized", "message": "Key not found"}, errors.AccountProblem),
    ("brevo", 402, {"code": "not_enough_credits", "message": "Not enough credits"}, errors.AccountProblem),
    ("sparkpost", 400, {"errors": [{"code": "7001", "message": "Unconfigured Sending Domain <example.org>"}]},
     errors.SenderRefused),
    ("sparkpost", 420, {"errors": [{"message": "Exceed Sending Limit (daily)"}]}, errors.AccountProblem),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_an_answer_is_told_by_its_status_and_words(server, row):
    vendor, status, body, kind = row
    provider = ANYMAIL[vendor].build(server.url, QUICK)
    error = failure(server, provider, faults.answer(status, body))
    assert type(error) is kind
    assert vendor in error.detail


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, errors.Unknown), (204, errors.Unknown), (400, errors.AccountProblem), (403, errors.AccountProblem),
     (404, errors.AccountProblem), (408, errors.Unknown), (413, errors.AccountProblem),
     (500, errors.Unknown), (502, errors.Unknown), (503, errors.Unknown), (504, errors.Unknown)],
)  # fmt: skip
@pytest.mark.parametrize("body", ["", "<html>proxy</html>"])
def test_somebody_else_s_answer_is_told_by_its_status(server, postmark, status, kind, body):
    assert type(failure(server, postmark, faults.answer(status, body))) is kind


# Answers that count as a promise although they are odd: a batch of no mails, answered with 200.
KEPT = {("postmark", "[]")}


@pytest.mark.parametrize("vendor", ANYMAIL)
@pytest.mark.parametrize("body", ["[]", "null", "3", '"x"', "{}", '{"results": 3}', '[["x"]]', '{"id": {}}'])
def test_success_in_an_odd_shape_is_unknown_or_kept(server, vendor, body):
    """What breaks a vendor's parser breaks it after the mail was taken."""
    server.script(faults.answer(200, body))
    assert is_kept(server, vendor) == ((vendor, body) in KEPT)
    assert len(server.received) == 1


@pytest.mark.parametrize("vendor", ANYMAIL)
@pytest.mark.parametrize(
    "fault", [faults.hang(), faults.reset(), faults.close(), faults.garbage(), faults.truncated(200)]
)
def test_a_mail_received_whole_without_an_answer_is_unknown(server, vendor, fault):
    error = failure(server, ANYMAIL[vendor].build(server.url, patience(fault)), fault)
    assert (type(error), len(server.received)) == (errors.Unknown, 1)


@pytest.mark.parametrize("vendor", ANYMAIL)
def test_a_promise_cut_off_anywhere_is_kept_or_unknown(server, vendor):
    data, kept = ANYMAIL[vendor].accepted.data, []
    for length in range(0, len(data), 3):
        server.script(faults.Fault(data=data[:length], end="close"))
        if is_kept(server, vendor):
            kept.append(data[:length])
    assert len(server.received) == len(range(0, len(data), 3))
    # Brevo's promise is its status: a head that breaks off behind `201` has said all of it.
    assert all(vendor == "brevo" and promise.startswith(b"HTTP/1.1 201") for promise in kept)
    assert bool(kept) == (vendor == "brevo")


def is_kept(server, vendor):
    """Send one mail; tell whether it counts as accepted, and not as unknown."""
    provider = ANYMAIL[vendor].build(server.url, QUICK)
    try:
        return provider.send(letter(), ATTEMPT).provider == vendor
    except errors.Unknown:
        return False
    finally:
        provider.close()


@pytest.mark.parametrize("read", ["nothing", "head", "half"])
@pytest.mark.parametrize("fault", [faults.hang, faults.reset, faults.close])
def test_a_mail_cut_off_is_unknown_as_requests_does_not_say(server, fault, read):
    provider = ANYMAIL["postmark"].build(server.url, patience(fault(read)))
    error = failure(server, provider, fault(read), LARGE)
    assert (type(error), server.received) == (errors.Unknown, [])


def test_a_refused_connection_is_unavailable(server):
    provider = ANYMAIL["postmark"].build(f"http://127.0.0.1:{faults.closed_port()}", QUICK)
    assert type(failure(server, provider, faults.answer(200))) is errors.Unavailable


def test_an_unknown_host_is_unavailable(server, monkeypatch):
    def fail(*_args, **_options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    provider = ANYMAIL["postmark"].build("http://mail.invalid", QUICK)
    assert type(failure(server, provider, faults.answer(200))) is errors.Unavailable


@pytest.mark.parametrize(
    "fault", [faults.garbage(), faults.hang("nothing"), faults.reset("nothing"), faults.close("nothing")]
)
def test_a_tls_handshake_that_fails_is_unavailable(server, fault):
    provider = ANYMAIL["postmark"].build(server.url.replace("http", "https"), patience(fault))
    assert type(failure(server, provider, fault)) is errors.Unavailable


def test_a_mail_sent_while_another_s_handshake_is_being_handled_is_unknown(server, postmark):
    """The failure of the provider before is the context of this one's, and says nothing of it."""
    try:
        ANYMAIL["postmark"].build(server.url.replace("http", "https"), QUICK).send(letter(), ATTEMPT)
    except errors.Unavailable:
        assert type(failure(server, postmark, faults.hang())) is errors.Unknown
    else:
        pytest.fail("the handshake has not failed")


@pytest.mark.parametrize("error", [OSError(101, "Network is unreachable"), TimeoutError("timed out")])
def test_django_s_smtp_backend_without_a_connection_is_unavailable(monkeypatch, error):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    config = adapter.Config(backend="django.core.mail.backends.smtp.EmailBackend", timeouts=QUICK)
    with pytest.raises(errors.Unavailable):
        adapter.DjangoBackend(config).send(letter(), ATTEMPT)


def test_a_tls_failure_after_the_handshake_is_unknown():
    reason = urllib3.exceptions.SSLError(OSError("bad record mac"))
    cause = requests.exceptions.SSLError(urllib3.exceptions.MaxRetryError(None, "/", reason))
    assert django_errors._of_network(cause) is errors.Unknown


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http:///x"])
def test_an_impossible_address_is_a_matter_of_the_account(server, url):
    error = failure(server, ANYMAIL["postmark"].build(url, QUICK), faults.answer(200))
    assert type(error) is errors.AccountProblem


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exceptions.AnymailInvalidAddress("x"), errors.CannotCarry),
        (exceptions.AnymailUnsupportedFeature("x"), errors.CannotCarry),
        (exceptions.AnymailSerializationError("x"), errors.CannotCarry),
        (exceptions.AnymailAPIError("x"), errors.Unknown),
        (ConnectionRefusedError("x"), errors.Unavailable),
        (socket.gaierror("x"), errors.Unavailable),
        (ConnectionResetError("x"), errors.Unknown),
        (TimeoutError("x"), errors.Unknown),
        (KeyError("x"), errors.Unknown),
        (smtplib.SMTPConnectError(421, b"x"), errors.Unavailable),
        (smtplib.SMTPConnectError(554, b"x"), errors.AccountProblem),
        (smtplib.SMTPHeloError(550, b"x"), errors.AccountProblem),
        (smtplib.SMTPAuthenticationError(535, b"x"), errors.AccountProblem),
        (smtplib.SMTPAuthenticationError(454, b"x"), errors.Unavailable),
        (smtplib.SMTPNotSupportedError("x"), errors.AccountProblem),
        (smtplib.SMTPSenderRefused(550, b"denied", "a@b.cd"), errors.SenderRefused),
        (smtplib.SMTPSenderRefused(451, b"later", "a@b.cd"), errors.Unavailable),
        (smtplib.SMTPRecipientsRefused({"a@b.cd": (550, b"no")}), errors.RecipientsRefused),
        (smtplib.SMTPRecipientsRefused({"a@b.cd": (451, b"later")}), errors.NotAccepted),
        (smtplib.SMTPDataError(554, b"bad"), errors.Refused),
        (smtplib.SMTPDataError(454, b"Throttling failure"), errors.Throttled),
        (smtplib.SMTPServerDisconnected("x"), errors.Unknown),
    ],
    ids=repr,
)
def test_an_exception_is_told_by_its_class(error, kind):
    assert type(django_errors.classified("backup", error, {}, [])) is kind


@pytest.mark.parametrize(
    ("script", "kind"),
    [({"dot": HANG}, errors.Unknown), ({"dot": CLOSE}, errors.Unknown), ({"mail": CLOSE}, errors.Unknown),
     ({"rcpt": b"550 no"}, errors.RecipientsRefused), ({"connect": b"421 no"}, errors.Unavailable)],
)  # fmt: skip
def test_django_s_smtp_backend_cannot_tell_before_from_after(script, kind):
    path = "django.core.mail.backends.smtp.EmailBackend"
    with ScriptedSMTP(script) as smtp:
        options = {"host": "127.0.0.1", "port": smtp.port}
        config = adapter.Config(backend=path, options=options, timeouts=patience(script))
        with pytest.raises(errors.ProviderError) as caught:
            adapter.DjangoBackend(config).send(letter(), ATTEMPT)
    assert type(caught.value) is kind


def test_it_waits_as_long_as_the_vendor_says(server, postmark):
    fault = faults.answer(429, said(429, "slow down"), {"Retry-After": "7"})
    assert failure(server, postmark, fault).retry_after == 7


def test_no_key_is_quoted_or_chained(server, postmark):
    error = failure(server, postmark, faults.answer(401, said(10, f"{KEY} is wrong")))
    assert KEY not in error.detail
    assert "[hidden] is wrong" in error.detail
    assert error.__suppress_context__


def test_certificates_are_verified(tmp_path, monkeypatch):
    context = certificates.server_context(certificates.write(tmp_path))
    listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)

    def shake():
        with pytest.raises(ssl.SSLError):
            listener.accept()

    thread = threading.Thread(target=shake)
    thread.start()
    provider = ANYMAIL["postmark"].build(f"https://127.0.0.1:{listener.getsockname()[1]}", QUICK)
    with pytest.raises(errors.Unavailable):
        provider.send(letter(), ATTEMPT)
    thread.join()
    listener.close()
