"""What vendors' lists say is read as it is meant, and what cannot be read is no time."""

from datetime import UTC, datetime

import pytest

from providers.suppressions import moment, text

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "told",
    [
        1_793_534_400,
        "2026-11-01T12:00:00Z",
        "2026-11-01T13:00:00+01:00",
        "2026-11-01 12:00:00",
        "Sun, 01 Nov 2026 12:00:00 UTC",
        "Sun, 01 Nov 2026 12:00:00 +0000",
    ],
)
def test_a_time_of_any_vendor_is_read(told: object) -> None:
    assert moment(told) == NOON


@pytest.mark.parametrize("told", [None, "", "soon", True, [], 1e30, "99999-01-01", "x, y"])
def test_what_is_no_time_is_none(told: object) -> None:
    assert moment(told) is None


@pytest.mark.parametrize(
    ("fields", "said"), [({"a": "x"}, "x"), ({"a": 5}, "5"), ({"a": None}, ""), ([], "")]
)
def test_a_field_is_a_text(fields: object, said: str) -> None:
    assert text(fields, "a") == said
