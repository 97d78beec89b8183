"""The field of a name that people and clients give to what is theirs: a group, a mailing, a template, a signature."""

from typing import Any

from api.fields import Text, fail
from delivery.content import directions


class Name(Text):
    """A name in one line, without blanks around it and marks of direction: it stands in questions and in mails."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(header=True, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return it; refuse one of nothing else."""
        name = directions.named(super().to_internal_value(data))
        if data and not name:
            raise fail("empty", "holds nothing that can be seen.")
        return name
