"""What may be told is what the documents say."""

import pytest

from delivery.webhooks import kinds
from tests.paths import ROOT


@pytest.mark.parametrize("kind", [*kinds.ALL, kinds.TEST])
def test_every_kind_is_documented(kind: str) -> None:
    said = (ROOT / "docs" / "webhooks.md").read_text()
    assert f"`{kind}`" in said or f"`.{kind.partition('.')[2]}`" in said
