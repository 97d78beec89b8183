import pytest

from providers import errors
from providers.message import Mailbox as Box
from providers.smtp import adapter
from providers.wire import trust
from tests.providers import certificates
from tests.providers import fault_server as faults
from tests.providers.letters import ATTEMPT, file, letter, noise
from tests.providers.patience import QUICK, patience
from tests.providers.smtp.mailbox import Mailbox
from tests.providers.smtp.server import CLOSE, HANG, RESET, ScriptedSMTP

OURS = "shop@example.org"
TWO = letter(cc=(Box(address="bob@example.com"),))
LARGE = b"250-scripted\r\n250-SIZE 20000000\r\n250 AUTH PLAIN LOGIN"


def provider_of(port, **changes):
    fields = {"host": "127.0.0.1", "port": port, "security": "none", "timeouts": QUICK}
    return adapter.SMTP(adapter.Config(**{**fields, **changes}))


def checked(script, **changes):
    """Return what a check makes of a scripted server, and the server."""
    with ScriptedSMTP({"ehlo": LARGE, **script}) as server:
        return provider_of(server.port, timeouts=patience(script), **changes).check([OURS]), server


def rehearsed(script, message=None, **changes):
    """Return what a rehearsal makes of a scripted server, and the server."""
    with ScriptedSMTP(script) as server:
        provider = provider_of(server.port, timeouts=patience(script), **changes)
        try:
            return provider.rehearse(message or letter(), ATTEMPT), server
        except errors.ProviderError as error:
            return error, server
        finally:
            provider.close()


def verbs(server):
    return [command.partition(" ")[0].lower() for command in server.commands]


def test_a_server_that_lets_us_in_is_ready_and_tells_nothing_of_senders():
    found, _ = checked({}, user="shop", password="s3cret")
    assert (found.ready, found.provider, found.problems, found.warnings) == (True, "smtp", (), ())
    assert (found.sandbox, found.quota, found.senders[OURS].verified) == (None, None, None)
    assert found.senders[OURS].detail.startswith("An SMTP server does not tell.")


def test_no_mail_is_begun():
    _, server = checked({}, user="shop", password="s3cret")
    assert verbs(server) == ["ehlo", "auth", "noop", "quit"]
    assert server.received == []


def test_a_real_server_is_ready():
    with Mailbox(data_size_limit=20_000_000) as mailbox:
        found = provider_of(mailbox.port, user="shop", password="s3cret").check([OURS])
        assert (found.ready, found.warnings, mailbox.envelopes) == (True, (), [])


def test_a_real_server_refuses_a_wrong_password():
    with Mailbox() as mailbox:
        (problem,) = provider_of(mailbox.port, user="shop", password="wrong").check([]).problems
        assert problem.startswith("smtp answered 535")
        assert problem.endswith("The server refuses the login: look at the user and the password.")


@pytest.fixture
def certificate(tmp_path, monkeypatch):
    path = certificates.write(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    trust.context.cache_clear()
    yield path
    trust.context.cache_clear()


def test_starttls_is_part_of_the_check(certificate):
    context = certificates.server_context(certificate)
    with Mailbox(tls_context=context, require_starttls=True, auth_require_tls=True) as mailbox:
        account = {"security": "starttls", "user": "shop", "password": "s3cret"}
        assert provider_of(mailbox.port, **account).check([]).ready


def test_a_certificate_that_nobody_vouches_for_is_a_problem(tmp_path):
    trust.context.cache_clear()
    context = certificates.server_context(certificates.write(tmp_path))
    with Mailbox(ssl_context=context) as mailbox:
        (problem,) = provider_of(mailbox.port, security="tls").check([]).problems
    assert problem.endswith("certificate is not trusted: look whether the host has the name in it.")


LOGIN = {"user": "shop", "password": "s3cret"}
NO_LOGIN = "The server refuses the login: look at the user and the password."
NO_NETWORK = "Look at the host, the port and the network of this machine."
LACKING = "Look at the port and at the encryption in the configuration."
REFUSALS = [
    ({"auth": b"535 5.7.8 bad credentials"}, LOGIN, "smtp answered 535: 5.7.8 bad credentials. " + NO_LOGIN),
    ({"auth": b"530 5.7.0 Must issue a STARTTLS command first."}, LOGIN,
     "smtp answered 530: 5.7.0 Must issue a STARTTLS command first. " + NO_LOGIN),
    ({"auth": b"454 4.7.0 Temporary authentication failure"}, LOGIN,
     "smtp answered 454: 4.7.0 Temporary authentication failure. "
     "The server cannot look at logins at the moment: try again later."),
    ({"connect": b"421 4.3.2 busy"}, {},
     "smtp answered 421: 4.3.2 busy. The server takes no connections at the moment: try again later."),
    ({"connect": b"554 5.7.1 not you"}, {},
     "smtp answered 554: 5.7.1 not you. The server does not let us in: look at its address, or ask who runs it."),
    ({"ehlo": b"250 scripted"}, {"security": "starttls"},
     "smtp: no connection, SMTPNotSupportedError: STARTTLS extension not supported by server. " + LACKING),
    ({"ehlo": b"250 scripted"}, LOGIN,
     "smtp: no connection, SMTPNotSupportedError: SMTP AUTH extension not supported by server. " + LACKING),
    ({"noop": b"502 5.5.1 what?"}, {},
     "smtp lets us in, but answers 502 to NOOP. Ask who runs the server."),
]  # fmt: skip


@pytest.mark.parametrize(("script", "account", "problem"), REFUSALS)
def test_a_refusal_is_a_problem_that_says_what_to_do(script, account, problem):
    found, server = checked(script, **account)
    assert found.problems == (problem,)
    assert found.senders[OURS].verified is None
    assert server.received == []


@pytest.mark.parametrize("fault", [HANG, RESET, CLOSE, b"no SMTP\n"])
@pytest.mark.parametrize("stage", ["connect", "ehlo", "auth", "noop"])
def test_a_server_that_fails_on_the_way_is_one_problem(stage, fault):
    found, _ = checked({stage: fault}, **LOGIN)
    assert len(found.problems) == 1
    assert "the message was" not in found.problems[0]


def test_a_goodbye_that_fails_is_no_problem():
    assert checked({"quit": RESET})[0].ready


@pytest.mark.parametrize("changes", [{}, {"security": "tls"}, {"security": "starttls"}])
def test_a_refused_connection_is_a_problem(changes):
    (problem,) = provider_of(faults.closed_port(), **changes).check([]).problems
    assert problem.startswith("smtp: no connection: the connection was refused. ConnectionRefusedError")
    assert problem.endswith(NO_NETWORK)


def test_a_proxy_is_a_problem():
    with faults.FaultServer(
        faults.Fault(read="nothing", data=b"HTTP/1.1 400 <html>\r\n\r\n", end="close")
    ) as server:
        assert len(provider_of(server.port).check([]).problems) == 1


def test_another_end_that_speaks_no_tls_is_a_problem():
    found, _ = checked({}, security="tls")
    assert "SSLError" in found.problems[0]
    assert found.problems[0].endswith("look at the port and at the encryption in the configuration.")


@pytest.mark.parametrize(
    ("size", "warned"), [(b"9000000", True), (b"11000000", False), (b"0", False), (b"x", False)]
)
def test_a_server_for_small_messages_only_is_a_warning(size, warned):
    found, _ = checked({"ehlo": b"250-scripted\r\n250 SIZE " + size})
    assert (found.ready, len(found.warnings)) == (True, warned)


def test_the_warning_about_small_messages_says_what_to_do():
    found, _ = checked({"ehlo": b"250-scripted\r\n250 SIZE 9000000"})
    assert found.warnings == (
        "smtp takes 9.0 MB; with all the attachments that GoMail takes, a message has up to 11 MB. "
        "Have the server's limit raised, or leave larger ones to another provider.",
    )


def test_no_password_is_in_any_sentence():
    for stage in ("connect", "auth", "noop"):
        found, _ = checked({stage: b"535 bad s3cret AHNob3AAczNjcmV0 czNjcmV0"}, **LOGIN)
        assert found.problems
        assert all(secret not in repr(found) for secret in ("s3cret", "czNjcmV0"))


def test_a_rehearsal_has_everybody_accepted_and_sends_nothing():
    receipt, server = rehearsed({}, TWO)
    assert (receipt.message_id, receipt.refused, server.received) == ("", {}, [])
    assert verbs(server) == ["ehlo", "mail", "rcpt", "rcpt", "rset", "quit"]


def test_a_rehearsal_delivers_nothing_to_a_real_server():
    with Mailbox() as mailbox:
        provider = provider_of(mailbox.port)
        assert provider.rehearse(TWO, ATTEMPT).refused == {}
        assert mailbox.envelopes == []
        provider.send(letter(), ATTEMPT)
        provider.close()
        assert [envelope.rcpt_tos for envelope in mailbox.envelopes] == [["ann@example.com"]]
        assert len(mailbox.sessions) == 1


def test_a_rehearsal_tells_who_is_refused():
    receipt, _ = rehearsed({"rcpt2": b"550 5.1.1 No such user"}, TWO)
    assert receipt.refused == {"bob@example.com": "550 5.1.1 No such user"}


RAISED = [
    ({"mail": b"550 5.7.1 Sender denied"}, errors.SenderRefused),
    ({"mail": b"451 later"}, errors.Unavailable),
    ({"rcpt": b"550 5.1.1 No such user"}, errors.RecipientsRefused),
    ({"rcpt": b"554 5.7.1 Relay access denied"}, errors.AccountProblem),
    ({"rcpt": b"450 4.2.0 Greylisted"}, errors.NotAccepted),
    ({"rcpt": CLOSE}, errors.Unavailable),
    ({"rset": HANG}, errors.Unavailable),
    ({"connect": b"421 busy"}, errors.Unavailable),
    ({"ehlo": b"250-scripted\r\n250 SIZE 100"}, errors.CannotCarry),
]


@pytest.mark.parametrize(("script", "kind"), RAISED)
def test_a_rehearsal_raises_what_sending_would(script, kind):
    error, server = rehearsed(script)
    assert (type(error), server.received) == (kind, [])


def test_a_message_that_is_too_large_fails_in_a_rehearsal_as_well():
    error, server = rehearsed({}, letter(attachments=(file(noise(7_000_000)),)))
    assert (type(error), "mail" in verbs(server)) == (errors.CannotCarry, False)


def test_a_message_that_cannot_be_built_fails_before_a_connection():
    error, server = rehearsed({}, letter(subject="a\nb"))
    assert (type(error), server.connections) == (errors.Refused, 0)
