"""Variables that cannot be read are told in a sentence, and misspelt ones are noticed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from gomail import databases, environment
from tests.environment import NAMES
from tests.paths import ROOT


def check(**variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", "check"]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False
    )


def test_what_is_set_wrongly_is_one_sentence_on_the_command_line() -> None:
    done = check(ATTACHMENTS_MAX_BYTES="7MB")
    said = "GoMail is not configured: ATTACHMENTS_MAX_BYTES is '7MB'; write a whole number in digits, 0 or more.\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_a_file_of_a_secret_that_cannot_be_read_is_named() -> None:
    done = check(SENDGRID_API_KEY_FILE="/nowhere/key")
    assert done.returncode == 1
    assert "SENDGRID_API_KEY_FILE names '/nowhere/key', which cannot be read: No such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_of_a_secret_that_is_no_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("SENDGRID_API_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(ImproperlyConfigured, match=r"SENDGRID_API_KEY_FILE names .* no text in UTF-8"):
        environment.text("SENDGRID_API_KEY")


@pytest.mark.parametrize(
    "content", ["NAME_OF_IT=B\xfccher".encode("latin-1"), "NAME_OF_IT=a".encode("utf-16")]
)
def test_a_file_of_variables_in_another_encoding_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / ".env"
    file.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match="is not UTF-8 at byte"):
        environment.load(file)


@pytest.mark.parametrize(
    "content",
    [
        'NAME_OF_IT="Shop <shop@example.org>"',
        "NAME_OF_IT='Shop <shop@example.org>'",
        "  NAME_OF_IT = Shop <shop@example.org>  # ours",
        "export NAME_OF_IT=Shop <shop@example.org>",
        "NAME_OF_IT=other\r\nNAME_OF_IT=Shop <shop@example.org>\r\n",
        "\ufeffNAME_OF_IT=Shop <shop@example.org>",
    ],
)
def test_a_file_of_variables_may_be_written_in_many_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.delenv("NAME_OF_IT", raising=False)
    (tmp_path / ".env").write_text(content, encoding="utf-8")
    environment.load(tmp_path / ".env")
    told = environment.text("NAME_OF_IT")
    os.environ.pop("NAME_OF_IT")
    assert told == "Shop <shop@example.org>"


def test_no_file_of_variables_is_no_error(tmp_path: Path) -> None:
    assert environment.load(tmp_path / ".env") == {}


@pytest.mark.parametrize("url", ["foo", "mysql://u:geheim@h/n", "oracle://h/n"])
def test_a_database_that_gomail_does_not_know_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"DATABASE_URL is .* write postgres") as refused:
        databases.parsed(url)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["postgres://[::1", "postgres://u:geheim@h:port/n", "postgres://u:ge#heim@h/n"]
)
def test_a_database_whose_url_is_broken_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="percent-encode") as refused:
        databases.parsed(url)
    assert "heim" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_a_variable_that_is_misspelt_is_told_with_what_was_meant() -> None:
    told = check(GOMAIL_PROVIDER="ses", gomail_hold_second="3").stderr
    assert (
        "GOMAIL_PROVIDER is set, and GoMail reads no such variable.\n\tHINT: Did you mean GOMAIL_PROVIDERS?"
        in told
    )


def test_no_variable_that_is_explained_is_taken_for_misspelt() -> None:
    names = dict.fromkeys(NAMES, "") | {f"{name}_FILE": "" for name in NAMES}
    assert (
        "no such variable" not in check(**names, GOMAIL_KEY="gm_live_x", GOMAIL_HOLD_SECONDS_BACKUP="").stderr
    )


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"AWS_ACCESS_KEY", "HTTP_PROXY", "PATH_TO_IT"}, [("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID")]),
        ({"gomail_public_url"}, [("gomail_public_url", "GOMAIL_PUBLIC_URL")]),
        ({"GOMAIL_COLOUR_OF_IT"}, [("GOMAIL_COLOUR_OF_IT", "")]),
        ({"SENDGRID_API_KEY", "EU_SENDGRID_API_KEY", "DATABASE_URL_FILE"}, []),
    ],
)
def test_what_stands_in_the_file_is_compared_with_what_is_read(
    monkeypatch: pytest.MonkeyPatch, names: set[str], told: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr(environment, "in_file", frozenset(names))
    assert environment.misspelt() == told
