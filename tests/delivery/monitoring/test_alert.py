"""manage.py alert --test, and what `check` says of GOMAIL_ALERT_URLS."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from delivery import checks
from delivery.models import Incident
from gomail import environment
from tests.delivery.monitoring.telling import titles
from tests.providers.fault_server import FaultServer, answer, closed_port


@pytest.mark.django_db
def test_it_says_who_was_told_and_ends_with_one_for_whoever_was_not(settings: Any, capsys: Any) -> None:
    with FaultServer(default=answer(200)) as receiver:
        good = f"json://ann:p4ss@127.0.0.1:{receiver.port}/k3y"
        settings.ALERT_SECRETS = (good,)
        call_command("alert", "--test")
        settings.ALERT_SECRETS = (good, f"json://127.0.0.1:{closed_port()}/s3cret")
        with pytest.raises(SystemExit) as ended:
            call_command("alert", "--test")
        assert titles(receiver) == ["a test"] * 2

    said = capsys.readouterr().out
    assert said == "told      URL 1 (json://…)\n" * 2 + "NOT TOLD  URL 2 (json://…)\n"
    assert (ended.value.code, Incident.objects.count()) == (1, 0)


@pytest.mark.django_db
def test_of_two_urls_that_differ_in_their_keys_alone_each_is_told_by_itself(
    settings: Any, capsys: Any
) -> None:
    with FaultServer(default=answer(200)) as receiver:
        host = f"127.0.0.1:{receiver.port}"
        settings.ALERT_SECRETS = (f"json://u:good@{host}/x", f"json://u:bad@{host}/x")
        receiver.script(answer(200), answer(401))
        with pytest.raises(SystemExit):
            call_command("alert", "--test")
    assert sorted(line.split()[0] for line in capsys.readouterr().out.splitlines()) == ["NOT", "told"]


@pytest.mark.django_db
def test_it_says_that_nobody_is_to_be_told(settings: Any) -> None:
    settings.ALERT_SECRETS = ()
    with pytest.raises(CommandError, match="GOMAIL_ALERT_URLS is empty"):
        call_command("alert", "--test")


def test_a_missing_apprise_is_said_before_it_is_missed(settings: Any, monkeypatch: Any) -> None:
    settings.ALERT_SECRETS = ("json://127.0.0.1/",)
    assert checks.alerts() == []
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    assert [found.id for found in checks.alerts()] == ["gomail.W012"]


def test_urls_may_hold_commas_and_stand_on_lines_of_their_own(monkeypatch: Any) -> None:
    monkeypatch.setenv("X", "mailto://a:b@example.org?to=x@y.z,u@v.w, slack://A/B/C\njson://h/p")
    assert environment.urls("X") == (
        "mailto://a:b@example.org?to=x@y.z,u@v.w",
        "slack://A/B/C",
        "json://h/p",
    )
    monkeypatch.setenv("X", "")
    assert environment.urls("X") == ()
    monkeypatch.setenv("X", "ops@example.org")
    with pytest.raises(environment.ImproperlyConfigured, match="X holds what is no URL"):
        environment.urls("X")
