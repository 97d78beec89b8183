"""The field of a name that people give to what is theirs: a group, a mailing, a template, a signature."""

from typing import Any

from delivery.admin import base
from delivery.content import directions


class Name(base.OneLine):
    """A name in one line, without blanks around it and marks of direction: it stands in questions and in mails."""

    def __init__(self, **kwargs: Any) -> None:
        """Take one as long as it may be."""
        super().__init__(**{"widget": base.Line(attrs={"autocomplete": "off"}), **kwargs})

    def to_python(self, value: Any) -> str:
        """Return it."""
        return str(super().to_python(directions.named(value) if value else value))
