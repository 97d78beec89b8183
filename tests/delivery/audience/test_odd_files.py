"""Nothing of an odd file is lost in silence: it comes in, is rejected by line and code, or a question is asked."""

from pathlib import Path

import pytest

from delivery.audience.questions import NotTaken
from delivery.models import Contact
from tests.delivery.audience import bringing, odd_files
from tests.delivery.audience.odd_files import Odd

pytestmark = pytest.mark.django_db
DOCUMENT = Path(__file__).parents[3] / "docs" / "imports.md"


@pytest.mark.parametrize("odd", odd_files.ALL, ids=lambda odd: odd.name)
def test_a_file_comes_in_or_says_why_not(odd: Odd, tmp_path: Path) -> None:
    if odd.asks:
        with pytest.raises(NotTaken) as raised:
            bringing.brought(tmp_path, odd.content)
        assert raised.value.code == odd.asks
    if odd.asks and not odd.answer:
        return
    done = bringing.imported(tmp_path, odd.content, **odd.answer)
    assert bringing.emails() == sorted(odd.comes)
    assert tuple(bringing.rejects(done)) == odd.rejects
    for email, name in odd.names.items():
        contact = Contact.objects.get(email=email)
        assert name in (contact.first_name, contact.name)


def test_the_documentation_has_the_table() -> None:
    assert odd_files.table() in DOCUMENT.read_text()


def test_there_are_forty_of_them() -> None:
    assert len(odd_files.ALL) >= 40
