"""One word of GOMAIL_PROVIDERS, and the variables that it is configured by."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

Settings = Mapping[str, str]  # variables as in .env.example


class NotConfigured(Exception):
    """A provider lacks a variable, or has one that cannot work; the message says what to set."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One word of GOMAIL_PROVIDERS: `ses`, or `ses-eu=ses` for a second account of a type."""

    name: str
    type: str
    settings: Settings

    def read(self, variable: str) -> str:
        """Return a variable's value; those of a named account carry its name: SES_EU_AWS_SES_REGION."""
        return self.settings.get(self.variable(variable), "").strip()

    def variable(self, variable: str) -> str:
        """Return the variable's name for this account."""
        prefix = "" if self.name == self.type else re.sub(r"\W", "_", self.name).upper() + "_"
        return prefix + variable

    def key(self, variable: str) -> str:
        """Return a variable that holds a key; raise NotConfigured without one."""
        key = self.read(variable)
        if not key:
            raise NotConfigured(f"Set {self.variable(variable)}.")
        if not re.fullmatch("[!-~]+", key):
            raise NotConfigured(f"{self.variable(variable)} holds a space or another strange character.")
        return key

    def url(self, variable: str, *, default: str) -> str:
        """Return a variable that holds an http address, or the default; raise NotConfigured for anything else."""
        url = self.read(variable) or default
        if url and not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", url):
            raise NotConfigured(f"{self.variable(variable)} is no http address.")
        return url
