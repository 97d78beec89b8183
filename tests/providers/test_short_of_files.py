"""For every adapter: a machine that can open no file has not sent the mail, and no provider is to blame."""

import errno
import urllib.parse
from contextlib import suppress

import pytest

from providers import errors
from providers.django import adapter as django
from providers.message import Attachment
from providers.ses import adapter as ses
from providers.smtp import adapter as smtp
from tests.providers.adapters import ANYMAIL, OVER_HTTP
from tests.providers.fault_server import FaultServer, closed_port
from tests.providers.letters import ATTEMPT, letter
from tests.providers.patience import QUICK
from tests.providers.smtp.mailbox import Mailbox
from tests.scarcity import no_files_left


def _smtp(url, timeouts):
    host, port = urllib.parse.urlsplit(url).netloc.split(":")
    return smtp.SMTP(smtp.Config(host=host, port=int(port), security=smtp.NONE, timeouts=timeouts))


def _django_smtp(url, timeouts):
    host, port = urllib.parse.urlsplit(url).netloc.split(":")
    backend = "django.core.mail.backends.smtp.EmailBackend"
    config = django.Config(backend=backend, options={"host": host, "port": int(port)}, timeouts=timeouts)
    return django.DjangoBackend(config)


HTTP = {name: known.build for name, known in (OVER_HTTP | ANYMAIL).items()}
EVERY = HTTP | {"smtp": _smtp, "django-smtp": _django_smtp}


def prepared(build, url):
    """Return a provider as a process has it that has started: what it is made of is imported."""
    provider = build(url, QUICK)
    if isinstance(provider, django.DjangoBackend):
        provider.verify()
    return provider


def refusal(provider, message=None):
    with pytest.raises(errors.ProviderError) as refused:
        provider.send(message or letter(), ATTEMPT)
    return type(refused.value)


@pytest.fixture(params=EVERY)
def name(request):
    return request.param


@pytest.fixture
def far_end(name):
    """Return where its server listens; it takes mail."""
    if "smtp" in name:
        with Mailbox() as mailbox:
            yield f"http://127.0.0.1:{mailbox.port}"
    else:
        with FaultServer((OVER_HTTP | ANYMAIL)[name].accepted) as server:
            yield server.url


def test_without_a_file_left_nothing_is_sent_and_soon_after_all_is_well(name, far_end):
    provider = prepared(EVERY[name], far_end)
    with no_files_left():
        assert refusal(provider) is errors.Exhausted
    assert provider.send(letter(), ATTEMPT).message_id is not None
    provider.close()


@pytest.mark.parametrize("host", ["localhost", "mail.example.org"])
def test_nor_where_the_host_is_a_name(name, far_end, host):
    provider = prepared(EVERY[name], far_end.replace("127.0.0.1", host))
    with no_files_left():
        assert refusal(provider) is errors.Exhausted


@pytest.mark.parametrize("vendor", ANYMAIL)
def test_nor_where_the_connection_has_the_last_file_and_the_certificates_none(vendor):
    with FaultServer() as server:
        provider = prepared(ANYMAIL[vendor].build, server.url.replace("http", "https"))
        with no_files_left(but=1):
            assert refusal(provider) is errors.Exhausted


@pytest.mark.parametrize("vendor", [*OVER_HTTP, "smtp", "django-smtp"])
def test_a_provider_that_was_not_asked_is_not_called_unready(vendor):
    provider = prepared(EVERY[vendor], f"http://127.0.0.1:{closed_port()}")
    with no_files_left():
        answer = provider.check(["shop@example.org"])
    assert answer.problems == ()
    assert not answer.asked


def test_ports_that_are_used_up_are_no_failure_of_the_provider(name, far_end, monkeypatch):
    provider = prepared(EVERY[name], far_end)

    def fail(*_, **__):
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr("socket.socket.connect", fail)
    assert refusal(provider) is errors.Exhausted


def test_an_attachment_that_cannot_be_opened_for_want_of_files_waits(name, far_end, tmp_path):
    path = tmp_path / "invoice.pdf"
    path.write_bytes(b"%PDF")
    file = Attachment(
        filename="invoice.pdf", content_type="application/pdf", size=4, open=lambda: path.open("rb")
    )
    provider = prepared(EVERY[name], far_end)
    provider.send(letter(), ATTEMPT)  # some keep their connection
    with no_files_left():
        assert refusal(provider, letter(attachments=(file,))) is errors.Exhausted
    provider.close()


@pytest.fixture
def keys_in_a_file(tmp_path, monkeypatch):
    path = tmp_path / "credentials"
    path.write_text("[default]\naws_access_key_id = AKID\naws_secret_access_key = wJalr\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return path


@pytest.mark.usefixtures("keys_in_a_file")
@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_keys_of_amazon_that_cannot_be_read_now_are_read_later(left):
    with FaultServer(OVER_HTTP["ses"].accepted) as server:
        provider = ses.SES(ses.Config(region="eu-west-1", endpoint_url=server.url, timeouts=QUICK))
        with no_files_left(but=left), suppress(errors.Exhausted):
            provider.send(letter(), ATTEMPT)
        assert provider.send(letter(), ATTEMPT).message_id == "m-1"
        provider.close()


@pytest.mark.usefixtures("keys_in_a_file")
def test_keys_of_amazon_that_come_later_are_found_without_a_restart(keys_in_a_file):
    keys_in_a_file.rename(keys_in_a_file.with_suffix(".away"))
    with FaultServer(OVER_HTTP["ses"].accepted) as server:
        provider = ses.SES(ses.Config(region="eu-west-1", endpoint_url=server.url, timeouts=QUICK))
        assert refusal(provider) is errors.AccountProblem
        keys_in_a_file.with_suffix(".away").rename(keys_in_a_file)
        assert provider.send(letter(), ATTEMPT).message_id == "m-1"
        provider.close()
