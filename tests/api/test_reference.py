"""docs/api-reference.md says what the API is."""

import pytest

from tests import reference
from tests.api.document import documented


def test_the_reference_is_that_of_this_version() -> None:
    made = reference.page(reference.document())
    assert reference.PAGE.read_text() == made, "python -m tests.reference writes it anew"


@pytest.mark.django_db
def test_every_operation_is_named_in_the_reference() -> None:
    page = reference.PAGE.read_text()
    named = [
        f"`{method.upper()} {path.removeprefix('/api/v1/email-service/')}`"
        for path, method, _ in documented()
    ]
    assert [each for each in named if each not in page] == []
    assert len(named) > 100


def test_the_programs_of_the_documents_are_those_that_the_admin_shows() -> None:
    written = reference.KEYS.read_text()
    assert reference.with_programs(written) == written, "python -m tests.reference writes them anew"
    assert written.count("GOMAIL_KEY") > 5
