"""API keys: what is stored of them, and what one may do."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import serializers
from django.utils import timezone

from delivery.access import key_rules, key_use, keys
from delivery.content import addresses
from delivery.models import ApiKey, Team
from providers.message import Mailbox

pytestmark = pytest.mark.django_db


def test_a_dump_of_the_table_holds_no_key_that_works() -> None:
    _, token = keys.issue("shop", scopes=["send"])
    dump = serializers.serialize("json", [*ApiKey.objects.all(), *Team.objects.all()])
    secret = token.split("_")[3]
    assert token not in dump
    assert secret not in dump
    for word in dump.replace('"', " ").split():
        assert keys.find(word) is None


def test_a_token_has_190_bits_and_a_checksum() -> None:
    _, token = keys.issue("shop", scopes=["send"])
    prefix, kind, public_id, secret, checksum = token.split("_")
    assert (prefix, kind, len(public_id), len(secret), len(checksum)) == ("gm", "live", 8, 32, 8)
    assert keys.find(token) is not None


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "x", lambda t: t.swapcase(), lambda t: "", lambda t: "____"]
)
def test_a_token_that_differs_anywhere_is_not_found(change: Any) -> None:
    _, token = keys.issue("shop", scopes=["send"])
    assert keys.find(change(token)) is None


def test_the_use_of_a_key_is_written_once_a_minute() -> None:
    key, _ = keys.issue("shop", scopes=["send"])
    key_use.note(key)
    first = ApiKey.objects.get(pk=key.pk).last_used_at
    assert first is not None
    key_use.note(ApiKey.objects.get(pk=key.pk))
    key_use.note(key)  # a copy from before the first use
    assert ApiKey.objects.get(pk=key.pk).last_used_at == first
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now() - timedelta(minutes=2))
    key_use.note(ApiKey.objects.get(pk=key.pk))
    assert ApiKey.objects.get(pk=key.pk).last_used_at > first


@pytest.mark.parametrize(
    ("rules", "sender", "allowed"),
    [
        ([], "anybody@example.org", True),
        (["me@example.org"], "ME@example.org", True),
        (["me@example.org"], "you@example.org", False),
        (["@example.org"], "anybody@example.org", True),
        (["@example.org"], "anybody@sub.example.org", False),
        (["@example.org"], "anybody@evil-example.org", False),
        (["@münchen.de"], "me@xn--mnchen-3ya.de", True),
    ],
)
def test_a_key_sends_from_the_addresses_on_its_list(rules: list[str], sender: str, allowed: bool) -> None:
    key, _ = keys.issue("shop", scopes=["send"], from_addresses=rules)
    assert keys.may_send_from(key, Mailbox(address=sender)) is allowed


@pytest.mark.parametrize("rule", ["", "@", "example.org", "@example", "a@b@c.org", "@exаmple.org"])
def test_a_rule_that_names_no_sender_is_refused(rule: str) -> None:
    with pytest.raises(addresses.InvalidAddress):
        key_rules.sender(rule)
