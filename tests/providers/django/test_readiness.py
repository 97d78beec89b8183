import pytest
from django.core import mail

from providers import errors
from providers.django import adapter
from providers.readiness import NoTestMode
from tests.providers import fault_server as faults
from tests.providers.adapters import ANYMAIL
from tests.providers.letters import ATTEMPT, letter
from tests.providers.patience import QUICK, patience
from tests.providers.smtp.mailbox import Mailbox
from tests.providers.smtp.server import CLOSE, HANG, RESET, ScriptedSMTP

CORE = "django.core.mail.backends"
OURS = "shop@example.org"
LOGIN = {"username": "shop", "password": "s3cret-word"}


def backend_of(path, timeouts=QUICK, **options):
    config = adapter.Config(name="backup", backend=path, options=options, timeouts=timeouts)
    return adapter.DjangoBackend(config)


def smtp_of(server, **options):
    there = {"host": "127.0.0.1", "port": server.port}
    return backend_of(f"{CORE}.smtp.EmailBackend", **there, **options)


def test_an_smtp_server_that_lets_us_in_is_ready():
    with Mailbox() as mailbox:
        found = smtp_of(mailbox, username="shop", password="s3cret").check([OURS])
        assert (found.ready, found.provider, found.warnings, mailbox.envelopes) == (True, "backup", (), [])
    assert found.senders[OURS].verified is None
    assert found.senders[OURS].detail.startswith("An SMTP server does not tell.")


def test_no_mail_is_begun():
    with ScriptedSMTP() as server:
        smtp_of(server, **LOGIN).check([OURS])
    assert [command.partition(" ")[0].lower() for command in server.commands] == ["ehlo", "auth", "quit"]


NO_LOGIN = "The server refuses the login: look at the user and the password."
REFUSALS = [
    ({"auth": b"535 5.7.8 bad"}, LOGIN, f"backup answered 535: 5.7.8 bad. {NO_LOGIN}"),
    ({"auth": b"454 4.7.0 later"}, LOGIN,
     "backup answered 454: 4.7.0 later. The server cannot look at logins at the moment: try again later."),
    ({"connect": b"554 5.7.1 not you"}, {},
     "backup answered 554: 5.7.1 not you. The server does not let us in: look at its address, or ask who runs it."),
    ({}, {"use_tls": True},
     "backup: no connection, SMTPNotSupportedError: STARTTLS extension not supported by server. "
     "Look at the port and at the encryption in the configuration."),
]  # fmt: skip


@pytest.mark.parametrize(("script", "options", "problem"), REFUSALS)
def test_a_refusal_is_a_problem_that_says_what_to_do(script, options, problem):
    with ScriptedSMTP(script) as server:
        assert smtp_of(server, **options).check([OURS]).problems == (problem,)


@pytest.mark.parametrize("fault", [HANG, RESET, CLOSE, b"no SMTP\n"])
@pytest.mark.parametrize("stage", ["connect", "ehlo", "auth"])
def test_a_server_that_fails_on_the_way_is_one_problem(stage, fault):
    with ScriptedSMTP({stage: fault}) as server:
        (problem,) = smtp_of(server, timeouts=patience(server.script), **LOGIN).check([OURS]).problems
    assert "the message was" not in problem


@pytest.mark.parametrize("fault", [RESET, CLOSE, b"500 no"])
def test_a_goodbye_that_fails_is_no_problem(fault):
    with ScriptedSMTP({"quit": fault}) as server:
        assert smtp_of(server).check([]).ready


def test_a_closed_port_is_a_problem():
    found = backend_of(f"{CORE}.smtp.EmailBackend", host="127.0.0.1", port=faults.closed_port()).check([])
    assert found.problems[0].startswith(
        "backup: no connection: the connection was refused. ConnectionRefusedError"
    )


def test_no_password_is_in_any_sentence():
    with ScriptedSMTP({"auth": b"535 bad s3cret-word"}) as server:
        assert "s3cret-word" not in repr(smtp_of(server, **LOGIN).check([OURS]))


@pytest.mark.parametrize("vendor", ANYMAIL)
def test_a_vendor_cannot_be_asked_and_the_warning_says_so(server, vendor):
    found = ANYMAIL[vendor].build(server.url, QUICK).check([OURS])
    path = f"anymail.backends.{vendor}.EmailBackend"
    assert found.ready
    assert found.warnings == (
        f"{vendor}: {path} cannot be asked without sending. Its key, senders and quota were not looked at.",
    )
    assert (found.senders[OURS].verified, found.sandbox, server.connections) == (None, None, 0)


UNMADE = [
    ("anymail.backends.postmark.EmailBackend", {}, "POSTMARK_SERVER_TOKEN"),
    ("anymail.backends.nobody.EmailBackend", {}, "nobody"),
    (f"{CORE}.smtp.EmailBackend", {"use_tls": True, "use_ssl": True}, "mutually exclusive"),
    (f"{CORE}.filebased.EmailBackend", {}, "os.PathLike"),
]


@pytest.mark.parametrize(("path", "options", "words"), UNMADE)
def test_a_backend_that_cannot_be_made_is_a_problem(path, options, words):
    (problem,) = backend_of(path, **options).check([OURS]).problems
    assert problem.startswith("backup: ")
    assert words in problem
    assert problem.endswith(". Look at its options in the configuration.")


@pytest.mark.parametrize("name", ["console", "locmem"])
def test_a_backend_for_development_delivers_nothing(name):
    found = backend_of(f"{CORE}.{name}.EmailBackend").check([OURS])
    assert (found.ready, found.sandbox, found.senders[OURS].verified) == (True, True, True)
    assert found.warnings == (f"backup: {CORE}.{name}.EmailBackend delivers nothing: it is for development.",)


def test_no_file_is_begun(tmp_path):
    found = backend_of(f"{CORE}.filebased.EmailBackend", file_path=str(tmp_path)).check([])
    assert (found.ready, list(tmp_path.iterdir())) == (True, [])


def test_a_rehearsal_in_memory_is_the_mail_itself():
    mail.outbox = []
    receipt = backend_of(f"{CORE}.locmem.EmailBackend").rehearse(letter(), ATTEMPT)
    assert (receipt.provider, [one.subject for one in mail.outbox]) == ("backup", ["Your order"])


def test_a_vendor_s_backend_has_no_test_mode_and_gets_nothing(server):
    with pytest.raises(NoTestMode, match=r"postmark: .* has no test mode\. The message was looked at"):
        ANYMAIL["postmark"].build(server.url, QUICK).rehearse(letter(), ATTEMPT)
    assert server.connections == 0


def test_an_smtp_backend_has_no_test_mode_and_gets_nothing():
    with ScriptedSMTP() as server, pytest.raises(NoTestMode):
        smtp_of(server).rehearse(letter(), ATTEMPT)
    assert server.connections == 0


def test_what_no_mail_can_hold_is_refused_in_a_rehearsal_as_well(server):
    with pytest.raises(errors.Refused):
        ANYMAIL["postmark"].build(server.url, QUICK).rehearse(letter(subject="a\nb"), ATTEMPT)


def test_a_backend_that_cannot_be_made_fails_in_a_rehearsal_as_well():
    with pytest.raises(errors.AccountProblem):
        backend_of("anymail.backends.postmark.EmailBackend").rehearse(letter(), ATTEMPT)
