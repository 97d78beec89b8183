import ssl
import time
from dataclasses import replace

import pytest

from providers import errors
from providers.message import Mailbox, Receipt
from providers.smtp import adapter
from providers.wire import trust
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, file, letter, noise
from tests.providers.patience import HASTY, QUICK, patience
from tests.providers.smtp.server import CLOSE, HANG, RESET, Cut, ScriptedSMTP

TWO = letter(cc=(Mailbox(address="bob@example.com"),))
LARGE = letter(attachments=(file(noise(6_000_000)),))


def provider_of(port, **changes):
    fields = {"host": "127.0.0.1", "port": port, "security": "none", "timeouts": QUICK}
    return adapter.SMTP(adapter.Config(**{**fields, **changes}))


def outcome(script, message=None, **changes):
    """Return what the provider makes of a scripted server, and the messages that the server has."""
    with ScriptedSMTP(script) as server:
        provider = provider_of(server.port, timeouts=patience(script), **changes)
        try:
            return provider.send(message or letter(), ATTEMPT), server.received
        except errors.ProviderError as error:
            return error, server.received
        finally:
            provider.close()


RELAY = "554 5.7.1 <ann@example.com>: Relay access denied"
SES_THROTTLES = "454 Throttling failure: Maximum sending rate exceeded."
UNVERIFIED = "554 Message rejected: Email address is not verified. The following identities failed the check"
TABLE = [
    ("connect", "421 4.3.2 Service not available", errors.Unavailable),
    ("connect", "554 5.7.1 No SMTP service here", errors.AccountProblem),
    ("mail", "421 4.3.2 closing", errors.Unavailable),
    ("mail", "451 4.3.0 Temporary failure", errors.Unavailable),
    ("mail", SES_THROTTLES, errors.Throttled),
    ("mail", "530 5.7.1 Authentication required", errors.AccountProblem),
    ("mail", "550 5.7.1 Sender denied", errors.SenderRefused),
    ("mail", "501 Invalid MAIL FROM address provided", errors.SenderRefused),
    ("mail", "553 5.7.1 not owned by user", errors.SenderRefused),
    ("mail", "552 5.3.4 Message size exceeds fixed limit", errors.CannotCarry),
    ("rcpt", "550 5.1.1 No such user", errors.RecipientsRefused),
    ("rcpt", "553 5.1.3 Bad address syntax", errors.RecipientsRefused),
    ("rcpt", RELAY, errors.AccountProblem),
    ("rcpt", "530 5.7.0 Must authenticate first", errors.AccountProblem),
    ("rcpt", "450 4.2.0 Greylisted", errors.NotAccepted),
    ("rcpt", "452 4.5.3 Too many recipients", errors.CannotCarry),
    ("rcpt", "421 4.7.0 closing", errors.Unavailable),
    ("data", "451 4.3.0 Temporary failure", errors.Unavailable),
    ("data", "554 5.5.1 No valid recipients", errors.Refused),
    ("dot", SES_THROTTLES, errors.Throttled),
    ("dot", "454 Throttling failure: Daily message quota exceeded.", errors.Throttled),
    ("dot", "451 Temporary service failure", errors.Unavailable),
    ("dot", "451 Temporary local problem", errors.Unavailable),
    ("dot", "421 4.4.2 timeout", errors.Unavailable),
    ("dot", UNVERIFIED, errors.SenderRefused),
    ("dot", "554 Access denied: User is not authorized to perform ses:SendRawEmail", errors.AccountProblem),
    ("dot", "554 5.7.1 Sending paused for this account", errors.AccountProblem),
    ("dot", "535 Authentication Credentials Invalid", errors.AccountProblem),
    ("dot", "554 Transaction failed: Duplicate header 'Date'.", errors.CannotCarry),
    ("dot", "550 5.6.1 Media not supported", errors.CannotCarry),
    ("dot", "554 5.2.3 Message length exceeds administrative limit", errors.CannotCarry),
    ("dot", "550 5.7.1 looks like spam", errors.Refused),
    ("dot", "552 5.3.4 Message too big", errors.CannotCarry),
    ("dot", "552 Message is too large.", errors.CannotCarry),
    ("dot", "354 and more?", errors.Unknown),
]


@pytest.mark.parametrize(("stage", "reply", "kind"), TABLE)
def test_a_reply_is_told_by_stage_code_and_text(stage, reply, kind):
    error, _ = outcome({stage: reply.encode()})
    assert type(error) is kind
    assert error.code == reply[:3]
    assert reply[4:] in error.detail


LOGINS = [
    ("535 5.7.8 Authentication credentials invalid", errors.AccountProblem),
    ("534 5.7.9 Application-specific password required", errors.AccountProblem),
    ("530 Must issue a STARTTLS command first", errors.AccountProblem),
    ("454 4.7.0 Temporary authentication failure", errors.Unavailable),
    ("421 4.7.0 Too many login attempts", errors.Unavailable),
]


@pytest.mark.parametrize(("reply", "kind"), LOGINS)
def test_a_login_is_told_by_its_reply(reply, kind):
    error, received = outcome({"auth": reply.encode()}, user="shop", password="s3cret")
    assert (type(error), error.code, received) == (kind, reply[:3], [])


@pytest.mark.parametrize("changes", [{"user": "u", "password": "p"}, {"security": "starttls"}])
def test_a_server_that_cannot_log_in_or_encrypt_is_a_matter_of_the_account(changes):
    error, _ = outcome({"ehlo": b"250 scripted"}, **changes)
    assert type(error) is errors.AccountProblem


BEFORE = ["connect", "ehlo", "auth", "mail", "rcpt", "data"]


@pytest.mark.parametrize("fault", [HANG, RESET, CLOSE, b"no SMTP\n"])
@pytest.mark.parametrize("stage", BEFORE)
def test_before_the_message_a_lost_connection_means_not_sent(stage, fault):
    error, received = outcome({stage: fault}, user="u", password="p")
    assert (type(error), received) == (errors.Unavailable, [])


@pytest.mark.parametrize("fault", [HANG, RESET, CLOSE])
def test_amid_the_message_a_lost_connection_means_not_sent(fault):
    error, received = outcome({"half": fault}, LARGE)
    assert (type(error), received) == (errors.Unavailable, [])


@pytest.mark.parametrize(
    "fault", [HANG, RESET, CLOSE, b"no SMTP\n", b"\xff\xfe\n", b"2\n", b"25\n", b"999 ?\n"]
)
@pytest.mark.parametrize("message", [letter(), LARGE], ids=["small", "large"])
def test_after_the_final_dot_no_clear_answer_means_unknown(fault, message):
    error, received = outcome({"dot": fault}, message)
    assert (type(error), len(received)) == (errors.Unknown, 1)


def test_a_promise_cut_off_anywhere_is_kept_or_unknown():
    promise = b"250 2.0.0 Ok: queued as 4F1A2B\r\n"
    for length in range(1, len(promise)):
        result, received = outcome({"dot": Cut(promise[:length])})
        assert isinstance(result, Receipt | errors.Unknown), promise[:length]
        assert len(received) == 1


def test_a_refusal_cut_off_anywhere_is_no_promise():
    for length in range(1, len(b"550 no")):
        result, _ = outcome({"dot": Cut(b"550 no"[:length])})
        assert isinstance(result, errors.Unknown | errors.Refused), length


def test_a_recipient_refused_for_good_is_told_and_the_others_get_the_mail():
    receipt, received = outcome({"rcpt2": b"550 5.1.1 No such user"}, TWO)
    assert receipt.refused == {"bob@example.com": "550 5.1.1 No such user"}
    assert len(received) == 1


def test_a_recipient_refused_for_now_stops_it_for_all():
    error, received = outcome({"rcpt2": b"451 4.7.1 Try again later"}, TWO)
    assert (type(error), received) == (errors.NotAccepted, [])


def test_a_message_beyond_the_announced_size_is_not_begun():
    error, received = outcome({"ehlo": b"250-scripted\r\n250 SIZE 100"})
    assert (type(error), received) == (errors.CannotCarry, [])


def test_the_daily_quota_is_tried_again_after_ten_minutes():
    assert outcome({"dot": b"454 Throttling failure: Daily message quota exceeded"})[0].retry_after == 600


def test_a_dripping_reply_is_waited_for_no_longer_than_the_total():
    with faults.FaultServer(faults.drip(b"2" * 4000)) as server:
        start = time.monotonic()
        with pytest.raises(errors.Unavailable):
            provider_of(server.port, timeouts=HASTY).send(letter(), ATTEMPT)
        assert time.monotonic() - start < 25


def test_a_file_that_cannot_be_read_is_not_sent_in_part():
    class Torn:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def read(self, _size):
            raise OSError("disk")

    torn = file(b"x" * 99)
    object.__setattr__(torn, "open", Torn)
    error, received = outcome({}, letter(attachments=(torn,)))
    assert (type(error), received) == (errors.Unreadable, [])


def test_a_damaged_file_is_found_before_a_connection():
    with ScriptedSMTP() as server, pytest.raises(errors.Unreadable):
        provider_of(server.port).send(
            letter(attachments=(replace(file(b"whole"), sha256="0" * 64),)), ATTEMPT
        )
    assert server.connections == 0


@pytest.mark.parametrize("message", [letter(subject="a\nb"), letter(bcc=(Mailbox(address="ü@b.cd"),)),
                                     letter(to=(Mailbox(address="a@b.cd>\r\nDATA"),))])  # fmt: skip
def test_what_no_mail_can_hold_is_refused_before_a_connection(message):
    with ScriptedSMTP() as server, pytest.raises(errors.Refused):
        provider_of(server.port).send(message, ATTEMPT)
    assert server.connections == 0


def test_a_refused_connection_is_unavailable():
    with pytest.raises(errors.Unavailable):
        provider_of(faults.closed_port()).send(letter(), ATTEMPT)


def test_an_unknown_host_is_unavailable(monkeypatch):
    def fail(*_args, **_options):
        raise OSError("Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", fail)
    with pytest.raises(errors.Unavailable):
        provider_of(25, host="mail.invalid").send(letter(), ATTEMPT)


def test_a_host_that_is_none_is_a_matter_of_the_account():
    with pytest.raises(errors.AccountProblem):
        provider_of(25, host="a" * 70 + ".example").send(letter(), ATTEMPT)


@pytest.mark.parametrize("script", [{}, {"connect": HANG}, {"connect": RESET}])
def test_a_tls_handshake_with_something_else_is_unavailable(script):
    error, _ = outcome(script, security="tls")
    assert type(error) is errors.Unavailable


def test_certificates_are_verified():
    context = trust.context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_no_password_is_quoted():
    echo = b"535 bad s3cret AHNob3AAczNjcmV0 czNjcmV0"
    error, _ = outcome({"auth": echo}, user="shop", password="s3cret")
    assert error.detail == "smtp answered 535: bad [hidden] [hidden] [hidden]"
    assert error.__suppress_context__
