"""The variables of the accounts in GOMAIL_PROVIDERS."""

from typing import Any

import pytest

from gomail import accounts


@pytest.fixture(autouse=True)
def _unset(monkeypatch: Any) -> None:
    monkeypatch.delenv("GOMAIL_HOLD_SECONDS", raising=False)


def test_a_named_accounts_variables_have_its_name_in_front(monkeypatch: Any) -> None:
    monkeypatch.setenv("SES_EU_AWS_SES_REGION", "eu-west-1")
    assert accounts.variables(["ses", "ses-eu=ses"])["SES_EU_AWS_SES_REGION"] == "eu-west-1"


def test_sendgrid_is_waited_for_until_its_events_have_come() -> None:
    assert accounts.holds(["ses", "sendgrid", "second=sendgrid"]) == {"sendgrid": 90, "second": 90}


def test_a_providers_own_wait_is_its_own(monkeypatch: Any) -> None:
    monkeypatch.setenv("GOMAIL_HOLD_SECONDS_SES_EU", "5")
    assert accounts.holds(["ses-eu=ses", "sendgrid"]) == {"ses-eu": 5, "sendgrid": 90}


def test_a_wait_that_is_set_for_all_is_sendgrids_too(monkeypatch: Any) -> None:
    monkeypatch.setenv("GOMAIL_HOLD_SECONDS", "2")
    assert accounts.holds(["ses", "sendgrid"]) == {}
