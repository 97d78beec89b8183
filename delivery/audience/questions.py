"""What an import asks instead of guessing, and why a file is not taken at all."""

from typing import Any


class NotTaken(Exception):
    """The file is not taken; the code is one of the API's registry, the message is for a person."""

    def __init__(self, code: str, message: str) -> None:
        """Take both."""
        self.code = code
        super().__init__(f"{message}.")


class Question(NotTaken):
    """Something that nobody can tell from the file: whoever brings it says so, with the help of a preview."""

    def __init__(self, code: str, message: str, preview: dict[str, Any]) -> None:
        """Take a preview that a client can show."""
        self.preview = preview
        super().__init__(code, message)
