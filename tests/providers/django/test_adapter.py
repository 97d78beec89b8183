import email
import json
from base64 import b64decode
from email.policy import SMTP

import pytest

from providers.django import adapter
from providers.errors import AccountProblem, CannotCarry, Refused
from providers.message import Mailbox as Box
from providers.message import file_of_bytes
from providers.mime import build
from tests.providers import fault_server as faults
from tests.providers.adapters import ANYMAIL
from tests.providers.letters import ATTEMPT, ID, file, letter, noise
from tests.providers.patience import QUICK
from tests.providers.smtp.mailbox import Mailbox

CORE = "django.core.mail.backends"


@pytest.fixture
def postmark(server):
    server.default = ANYMAIL["postmark"].accepted
    provider = ANYMAIL["postmark"].build(server.url, QUICK)
    yield provider
    provider.close()


def backend_of(path, **options):
    config = adapter.Config(name="backup", backend=path, options=options, timeouts=QUICK)
    return adapter.DjangoBackend(config)


@pytest.mark.parametrize("vendor", ANYMAIL)
def test_a_mail_goes_out_and_its_id_is_kept(server, vendor):
    server.default = ANYMAIL[vendor].accepted
    provider = ANYMAIL[vendor].build(server.url, QUICK)
    receipt = provider.send(letter(tags=("a", "b"), metadata={"order": "42"}), ATTEMPT)
    provider.close()
    assert (receipt.provider, receipt.message_id, receipt.refused) == (vendor, "m-1", {})
    assert ATTEMPT in server.received[0].body.decode()
    assert ID in server.received[0].body.decode()


def test_the_whole_mail_is_described(server, postmark):
    logo = file_of_bytes(b"png", filename="ü.png", content_type="image/png", content_id="logo@shop")
    texts = file(b"a;b\r\n", kind="text/csv"), file(b"\xe4", kind="text/csv")
    message = letter(
        subject="Grüße", html="<img src=cid:logo@shop>", attachments=(logo, *texts),
        sender=Box(address="shop@example.org", name="Müller, Jö"), reply_to=(Box(address="r@example.org"),),
        cc=(Box(address="c@example.com"),), bcc=(Box(address="h@example.com"),), headers={"X-Any": "1"},
    )  # fmt: skip
    postmark.send(message, ATTEMPT)
    sent = server.received[0].json()
    assert (sent["From"], sent["To"]) == ('"Müller, Jö" <shop@example.org>', "Ann <ann@example.com>")
    assert (sent["Cc"], sent["Bcc"], sent["ReplyTo"]) == ("c@example.com", "h@example.com", "r@example.org")
    assert (sent["Subject"], sent["TextBody"]) == ("Grüße", "It is on its way.\n")
    assert {"Name": "X-GoMail-ID", "Value": ID} in sent["Headers"]
    files = sent["Attachments"]
    assert (files[0]["Name"], files[0]["ContentID"]) == ("ü.png", "cid:logo@shop")
    kinds = [one["ContentType"].partition(";")[0] for one in files]
    assert kinds == ["image/png", "text/csv", "application/octet-stream"]
    assert [b64decode(one["Content"]) for one in files] == [b"png", b"a;b\r\n", b"\xe4"]


def test_nobody_is_asked_to_compress(server, postmark):
    postmark.send(letter(), ATTEMPT)
    assert server.received[0].headers["accept-encoding"] == "identity"


def test_django_s_own_backend_carries_our_mime_byte_for_byte():
    message = letter(html="<p>Grüße</p>", attachments=(file(noise(70_000), "Rechnung №1.pdf"),))
    with Mailbox() as mailbox:
        backend_of(f"{CORE}.smtp.EmailBackend", host="127.0.0.1", port=mailbox.port).send(message, ATTEMPT)
        (envelope,) = mailbox.envelopes
    assert envelope.content == build.render(message)


def test_what_cannot_be_built_opens_no_connection():
    with Mailbox() as mailbox:
        provider = backend_of(f"{CORE}.smtp.EmailBackend", host="127.0.0.1", port=mailbox.port)
        with pytest.raises(Refused):
            provider.send(letter(text="\ud800"), ATTEMPT)
        assert mailbox.envelopes == []


def test_metadata_cannot_replace_our_ids(server, postmark):
    postmark.send(letter(metadata={"order": "42", "gomail_attempt": "forged"}), ATTEMPT)
    assert server.received[0].json()["Metadata"] == {
        "order": "42",
        "gomail_attempt": ATTEMPT,
        "gomail_email": ID,
    }


def test_html_alone_has_no_empty_text_beside_it(server, postmark):
    postmark.send(letter(text="", html="<p>"), ATTEMPT)
    sent = server.received[0].json()
    assert (sent["HtmlBody"], "TextBody" in sent) == ("<p>", False)


def test_n_mails_take_one_connection(server, postmark):
    for _ in range(5):
        postmark.send(letter(), ATTEMPT)
    assert (len(server.received), server.connections) == (5, 1)


def test_inactive_recipients_are_told_and_the_others_get_the_mail(server, postmark):
    words = (
        "Message OK, but will not deliver to these inactive addresses: bob@example.com. "
        "Inactive recipients are ones that have generated a hard bounce or a spam complaint."
    )
    both = "ann@example.com, bob@example.com"
    server.script(faults.answer(200, {"ErrorCode": 0, "Message": words, "MessageID": "m-1", "To": both}))
    receipt = postmark.send(letter(cc=(Box(address="bob@example.com"),)), ATTEMPT)
    assert (receipt.message_id, receipt.refused) == ("m-1", {"bob@example.com": "rejected"})


def test_a_feature_that_a_vendor_lacks_leaves_the_mail_to_others(server):
    server.default = ANYMAIL["brevo"].accepted
    provider = ANYMAIL["brevo"].build(server.url, QUICK)
    with pytest.raises(CannotCarry, match="multiple reply_to"):
        provider.send(letter(reply_to=(Box(address="a@b.cd"), Box(address="b@b.cd"))), ATTEMPT)
    assert not server.received


def test_what_no_mail_can_hold_is_refused_unsent(server, postmark):
    with pytest.raises(Refused):
        postmark.send(letter(subject="a\nb"), ATTEMPT)
    assert not server.received


def test_django_s_own_smtp_backend_carries_the_mail():
    with Mailbox() as mailbox:
        provider = backend_of(f"{CORE}.smtp.EmailBackend", host="127.0.0.1", port=mailbox.port)
        bcc, logo = (Box(address="h@example.com"),), file(noise(999), "ü.bin")
        receipt = provider.send(letter(subject="Grüße", bcc=bcc, attachments=(logo,)), ATTEMPT)
        (envelope,) = mailbox.envelopes
    parsed = email.message_from_bytes(envelope.content, policy=SMTP)
    (part,) = parsed.iter_attachments()
    assert (parsed["Subject"], parsed["X-GoMail-ID"], parsed["Message-ID"]) == (
        "Grüße",
        ID,
        f"<{ID}@example.org>",
    )
    assert (part.get_filename(), part.get_content()) == ("ü.bin", noise(999))
    assert envelope.rcpt_tos == ["ann@example.com", "h@example.com"]
    assert b"h@example.com" not in envelope.content
    assert (receipt.provider, receipt.message_id) == ("backup", "")


def test_the_console_shows_the_mail(capsys):
    backend_of(f"{CORE}.console.EmailBackend").send(letter(), ATTEMPT)
    assert "It is on its way." in capsys.readouterr().out


@pytest.mark.parametrize(
    "path",
    ["", "os.system", "anymail.backends.test.EmailBackend", "anymail.backends.base.EmailBackend",
     "anymail.backends.amazon_ses.EmailBackend", "anymail.backends.sendgrid.EmailBackend",
     "anymail.backends.postmark.PostmarkPayload", "anymail.backends.x.y.EmailBackend",
     f"{CORE}.dummy.EmailBackend", "evil.anymail.backends.postmark.EmailBackend"],
)  # fmt: skip
def test_a_backend_that_is_not_on_the_list_is_not_imported(path):
    with pytest.raises(AccountProblem):
        backend_of(path)


@pytest.mark.parametrize(
    ("path", "options"),
    [("anymail.backends.postmark.EmailBackend", {}), ("anymail.backends.nobody.EmailBackend", {}),
     (f"{CORE}.smtp.EmailBackend", {"use_tls": True, "use_ssl": True})],
)  # fmt: skip
def test_a_backend_that_cannot_be_made_is_a_matter_of_the_account(path, options):
    with pytest.raises(AccountProblem):
        backend_of(path, **options).verify()


def test_every_backend_has_a_timeout():
    for path, timeout in [
        ("anymail.backends.postmark", (QUICK.connect, QUICK.read)),
        (f"{CORE}.smtp", QUICK.read),
    ]:
        config = adapter.Config(backend=f"{path}.EmailBackend", timeouts=QUICK)
        assert config.arguments["timeout"] == timeout


def test_no_repr_shows_an_option(postmark):
    shown = json.dumps([repr(postmark), repr(postmark._config), repr(vars(postmark))])
    assert "pm-secret-token" not in shown


def test_the_option_that_its_name_makes_a_secret_is_one_however_short():
    options = {
        "username": "u1",
        "password": "pw-12",
        "api_key": "k-123",
        "host": "mail",
        "sender_domain": "mail.example",
    }
    config = adapter.Config(backend="django.core.mail.backends.smtp.EmailBackend", options=options)
    assert set(config.secrets) == {"pw-12", "k-123", "mail.example"}
