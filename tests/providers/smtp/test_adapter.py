import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import AccountProblem, CannotCarry, RecipientsRefused, Unavailable
from providers.message import Mailbox as Box
from providers.mime import build
from providers.smtp import adapter, dialog
from providers.wire import http, trust
from tests.providers import certificates
from tests.providers.letters import ATTEMPT, ID, file, letter, noise
from tests.providers.smtp.mailbox import Mailbox
from tests.providers.smtp.server import CLOSE, ScriptedSMTP

QUICK = http.Timeouts(connect=1.0, read=2.0, total=4.0)


@pytest.fixture(scope="module")
def shared():
    with Mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def mailbox(shared):
    shared.envelopes.clear()
    shared.sessions.clear()
    return shared


def provider_of(server, **changes):
    fields = {"host": "127.0.0.1", "port": server.port, "security": "none", "timeouts": QUICK}
    return adapter.SMTP(adapter.Config(**{**fields, **changes}))


@pytest.fixture
def provider(mailbox):
    provider = provider_of(mailbox)
    yield provider
    provider.close()


def test_the_receipt_carries_the_queue_id(provider):
    receipt = provider.send(letter(), ATTEMPT)
    assert (receipt.provider, receipt.message_id, receipt.refused) == ("smtp", "Q1", {})


@pytest.mark.parametrize(
    "changes",
    [{}, {"text": ".\n..\n.x\n\n.\n"}, {"text": "no end"}, {"text": "ü" * 50, "html": "<p>."},
     {"attachments": (file(noise(300_001)), file(b""))}],
)  # fmt: skip
def test_our_mime_arrives_byte_for_byte(mailbox, provider, changes):
    provider.send(letter(**changes), ATTEMPT)
    whole = build.render(letter(**changes))
    assert mailbox.envelopes[0].content == (whole if whole.endswith(b"\r\n") else whole + b"\r\n")


@pytest.mark.parametrize("cut", range(1, 12))
def test_dots_are_doubled_wherever_a_piece_ends(cut):
    text = b".a\r\n.\r\n..b\r\n"
    whole = b"".join(dialog._stuffed([text[:cut], text[cut:]]))
    assert whole == b"..a\r\n..\r\n...b\r\n"


@given(st.lists(st.sampled_from([b".", b"\r\n", b"a", b"\r\n.", b".\r\n", b"\r", b"\n", b""]), max_size=12))
def test_a_reader_of_smtp_gets_back_what_was_written(pieces):
    wire = b"".join(dialog._stuffed(pieces))
    lines = wire.split(b"\r\n")
    assert b"\r\n".join(line.removeprefix(b".") for line in lines) in {
        b"".join(pieces), b"".join(pieces) + b"\r\n",
    }  # fmt: skip
    assert b"." not in lines
    assert wire.endswith(b"\r\n") or not wire


def test_everybody_is_in_the_envelope_once(mailbox, provider):
    boxes = [Box(address=address) for address in ("a@example.com", "b@example.com", "c@example.com")]
    provider.send(letter(to=(boxes[0],), cc=(boxes[1], boxes[0]), bcc=(boxes[2],)), ATTEMPT)
    envelope = mailbox.envelopes[0]
    assert (envelope.mail_from, envelope.rcpt_tos) == (
        "shop@example.org",
        ["a@example.com", "b@example.com", "c@example.com"],
    )
    assert b"c@example.com" not in envelope.content


def test_unknown_recipients_are_told_and_the_others_get_the_mail(mailbox, provider):
    receipt = provider.send(letter(cc=(Box(address="unknown@example.com"),)), ATTEMPT)
    assert receipt.refused == {"unknown@example.com": "550 5.1.1 No such user"}
    assert mailbox.envelopes[0].rcpt_tos == ["ann@example.com"]


def test_unknown_recipients_alone_are_refused(mailbox, provider):
    with pytest.raises(RecipientsRefused, match=r"unknown@example\.com: 550 5\.1\.1 No such user"):
        provider.send(letter(to=(Box(address="unknown@example.com"),)), ATTEMPT)
    assert not mailbox.envelopes


def test_a_message_that_is_too_large_is_not_begun(mailbox, provider):
    with pytest.raises(CannotCarry, match=r"smtp takes 9\.0 MB, not 9\.6 MB"):
        provider.send(letter(attachments=(file(noise(7_000_000)),)), ATTEMPT)
    assert not mailbox.envelopes


def test_it_logs_in(mailbox):
    provider = provider_of(mailbox, user="shop", password="s3cret")
    provider.send(letter(), ATTEMPT)
    provider.close()
    assert mailbox.logins[-1] == ("shop", "s3cret")


def test_a_wrong_password_is_a_matter_of_the_account(mailbox):
    with pytest.raises(AccountProblem):
        provider_of(mailbox, user="shop", password="wrong").send(letter(), ATTEMPT)
    assert not mailbox.envelopes


def test_n_mails_take_one_connection(mailbox, provider):
    for _ in range(5):
        provider.send(letter(), ATTEMPT)
    assert (len(mailbox.envelopes), len(mailbox.sessions)) == (5, 1)


def test_a_connection_is_renewed_after_its_share(mailbox, provider, monkeypatch):
    monkeypatch.setattr(adapter, "_MOST_MESSAGES", 2)
    for _ in range(4):
        provider.send(letter(), ATTEMPT)
    assert len(mailbox.sessions) == 2


def test_a_connection_that_the_server_has_closed_is_replaced():
    with ScriptedSMTP({"rset": CLOSE}) as server:
        provider = provider_of(server)
        for _ in range(3):
            provider.send(letter(), ATTEMPT)
        provider.close()
        assert (len(server.received), server.connections) == (3, 3)


def test_a_forked_process_opens_its_own_connection(mailbox, provider, monkeypatch):
    provider.send(letter(), ATTEMPT)
    parents = list(provider._idle)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    provider.send(letter(), ATTEMPT)
    assert len(mailbox.sessions) == 2
    parents[0].close()


def test_threads_never_mix_their_messages(mailbox, provider):
    def send(number):
        to = (Box(address=f"to-{number}@example.com"),)
        provider.send(letter(id=f"id-{number}", to=to), ATTEMPT)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mailbox.envelopes) == 16
    for envelope in mailbox.envelopes:
        number = envelope.rcpt_tos[0].removeprefix("to-").partition("@")[0]
        assert f"X-GoMail-ID: id-{number}\r\n".encode() in envelope.content


@pytest.fixture
def certificate(tmp_path, monkeypatch):
    path = certificates.write(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    trust.context.cache_clear()
    yield path
    trust.context.cache_clear()


def test_starttls_encrypts_before_anything_is_said(certificate):
    context = certificates.server_context(certificate)
    with Mailbox(tls_context=context, require_starttls=True, auth_require_tls=True) as mailbox:
        provider = provider_of(mailbox, security="starttls", user="shop", password="s3cret")
        for _ in range(2):
            provider.send(letter(attachments=(file(noise(300_000)),)), ATTEMPT)
        provider.close()
        assert (len(mailbox.envelopes), len(mailbox.sessions)) == (2, 1)


def test_tls_from_the_first_byte_works(certificate):
    with Mailbox(ssl_context=certificates.server_context(certificate)) as mailbox:
        provider = provider_of(mailbox, security="tls")
        provider.send(letter(), ATTEMPT)
        provider.close()
        assert len(mailbox.envelopes) == 1


@pytest.mark.parametrize(("option", "security"), [("ssl_context", "tls"), ("tls_context", "starttls")])
def test_a_certificate_that_nobody_vouches_for_is_not_talked_to(tmp_path, option, security):
    trust.context.cache_clear()
    context = certificates.server_context(certificates.write(tmp_path))
    with Mailbox(**{option: context}) as mailbox:
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            provider_of(mailbox, security=security).send(letter(), ATTEMPT)
        assert not mailbox.envelopes


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("smtp://u:p@mail.example.org", ("mail.example.org", 587, "u", "p", "starttls")),
        ("smtp://u%40x:p%2Fq%3A@mail.example.org:25", ("mail.example.org", 25, "u@x", "p/q:", "starttls")),
        ("smtps://u:p@mail.example.org", ("mail.example.org", 465, "u", "p", "tls")),
        ("smtps://mail.example.org:2465/", ("mail.example.org", 2465, "", "", "tls")),
        ("smtp://localhost:25", ("localhost", 25, "", "", "none")),
        ("smtp://127.0.0.1:25?starttls=required", ("127.0.0.1", 25, "", "", "starttls")),
        ("smtp://127.0.0.1:25?starttls", ("127.0.0.1", 25, "", "", "starttls")),
        ("smtp://[::1]:25", ("::1", 25, "", "", "none")),
        ("smtp://relay:25?starttls=never", ("relay", 25, "", "", "none")),
    ],
)
def test_a_url_names_a_server(url, known):
    config = adapter.read_url(url)
    assert (config.host, config.port, config.user, config.password, config.security) == known


@pytest.mark.parametrize(
    "url",
    ["", "mail.example.org", "http://mail.example.org", "smtp://", "smtp://u:s3cret@", "smtp://u:s3c#ret@h",
     "smtp://u:s3cret/x@h", "smtp://h/path", "smtp://h:99999", "smtp://h:s3cret", "smtp://h?starttls=maybe",
     "smtp://h?ssl=1", "smtp://[::1"],
)  # fmt: skip
def test_a_url_that_names_none_is_told_without_quoting_it(url):
    with pytest.raises(ValueError) as problem:
        adapter.read_url(url)
    assert "s3c" not in str(problem.value)


@pytest.mark.parametrize(
    ("reply", "known"),
    [("2.0.0 Ok: queued as 4F1A2B", "4F1A2B"), ("Ok 0102018f-0000-4000-8000-000000", "0102018f-0000-4000-8000-000000"),
     ("OK id=1rXyZ-0001-AB", "1rXyZ-0001-AB"), ("2.6.0 <a@b.example> [InternalId=1] Queued mail", "a@b.example"),
     ("Message Queued (1A)", "Message Queued (1A)"), ("x" * 999, "x" * 200)],
)  # fmt: skip
def test_servers_name_a_message_in_their_last_reply(reply, known):
    assert adapter.queue_id(reply) == known


@pytest.mark.parametrize(
    ("host", "line"),
    [("email-smtp.eu-west-1.amazonaws.com", f"X-SES-MESSAGE-TAGS: gomail_attempt={ATTEMPT}"),
     ("smtp.sendgrid.net", f'X-SMTPAPI: {{"unique_args": {{"gomail_attempt": "{ATTEMPT}", "gomail_email": "{ID}"}}}}'),
     ("smtp.eu.mailgun.org", f'X-Mailgun-Variables: {{"gomail_attempt": "{ATTEMPT}", "gomail_email": "{ID}"}}'),
     ("smtp.mandrillapp.com", f'X-MC-Metadata: {{"gomail_attempt": "{ATTEMPT}", "gomail_email": "{ID}"}}'),
     ("mail.example.org", "")],
)  # fmt: skip
def test_the_attempt_travels_where_the_server_is_a_vendor_s(host, line):
    lines = adapter.headers.block(adapter._instructions(host, letter(), ATTEMPT)).decode()
    assert lines.replace("\r\n ", " ").strip() == line


def test_blind_copies_stay_blind_at_mandrill():
    message = letter(bcc=(Box(address="h@example.com"),))
    names = [name for name, _ in adapter._instructions("smtp.mandrillapp.com", message, ATTEMPT)]
    assert names == ["X-MC-Metadata", "X-MC-PreserveRecipients"]


def test_no_repr_shows_the_password(provider):
    config = adapter.read_url("smtp://u:s3cret@h")
    assert "s3cret" not in repr(config) + repr(adapter.SMTP(config)) + repr(vars(adapter.SMTP(config)))
