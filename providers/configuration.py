"""The configuration of one entry of GOMAIL_PROVIDERS by variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

Settings = Mapping[str, str]  # variables as in .env.example


class NotConfigured(Exception):
    """A variable is missing or invalid; the message says which to set."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of GOMAIL_PROVIDERS: `ses`, or `ses-eu=ses` for a second account of a type."""

    name: str
    type: str
    settings: Settings

    def read(self, variable: str) -> str:
        """Return a variable's value; a named account's variables have its name as prefix: SES_EU_AWS_SES_REGION."""
        return self.settings.get(self.variable(variable), "").strip()

    def variable(self, variable: str) -> str:
        """Return the variable's name for this account."""
        prefix = "" if self.name == self.type else re.sub(r"\W", "_", self.name).upper() + "_"
        return prefix + variable

    def key(self, variable: str) -> str:
        """Return the value of a variable that holds a key; raise NotConfigured if it is missing or invalid."""
        key = self.read(variable)
        if not key:
            raise NotConfigured(f"Set {self.variable(variable)}.")
        if not re.fullmatch("[!-~]+", key):
            raise NotConfigured(f"{self.variable(variable)} contains a space or another invalid character.")
        return key

    def words(self, variable: str) -> list[str]:
        """Return the words of a variable that lists them by comma, such as keys while they are rotated."""
        return [word for part in self.read(variable).split(",") if (word := part.strip())]

    def url(self, variable: str, *, default: str) -> str:
        """Return the value of a variable that holds an HTTP URL, or the default; raise NotConfigured if invalid."""
        url = self.read(variable) or default
        if url and not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", url):
            raise NotConfigured(f"{self.variable(variable)} is not an HTTP address.")
        return url
