"""How REST framework's views become operations of the OpenAPI document."""

from typing import Any, Final

from drf_spectacular.openapi import AutoSchema

PREFIX: Final = "/api/v1/email-service/"
SENDING: Final = "sending"
_SENDING = frozenset({"send-email", "send-mail", "batches", "email"})
_ACTIONS = frozenset({"publish", "render"})
_VERBS = {"POST": "create_", "PATCH": "change_", "DELETE": "delete_"}
# Reading that is no list and no row, and what an id alone does not say.
_SUMMARIES = {
    "me": "Read whose key this is, its scopes, limits, and what is left",
    "audit": "List or export who changed what",
    "person": "Read all that is kept of a person",
    "erase": "Forget a person",
    "suppress": "Suppress an address",
    "rejects": "Read the rejected rows of an import as CSV",
    "send_mail": "Send email, by the path's other name",
    "post_email": "Send email in the short form",
    "health_live": "See whether the process answers",
    "health_ready": "See whether emails are accepted",
}


class ScopedSchema(AutoSchema):
    """Operations by resource, with a summary, and with the scope that a key needs for them, also as `x-scope`."""

    def get_tags(self) -> list[str]:
        """Return the resource; all that sends is one."""
        first = self.path.removeprefix(PREFIX).strip("/").partition("/")[0]
        return [SENDING if first in _SENDING else first]

    def get_operation_id(self) -> str:
        """Return the path's words, for a view that says none: create_template_version."""
        words = [word for word in self.path.removeprefix(PREFIX).split("/") if word]
        nouns = [_noun(word, words[at + 1 :]) for at, word in enumerate(words) if not word.startswith("{")]
        if nouns[-1] in _ACTIONS:
            return "_".join([nouns.pop(), *nouns])
        made = self.method == "POST"
        return _VERBS.get(self.method, "") + "_".join(
            [*nouns[:-1], _singular(nouns[-1]) if made else nouns[-1]]
        )

    def get_summary(self) -> str:
        """Return the id as words: Create contact, List contacts, Read contact."""
        said = self.get_operation_id()
        if said in _SUMMARIES:
            return _SUMMARIES[said]
        words = said.replace("_", " ")
        if self.method != "GET" or said.startswith("export_"):
            return words.capitalize()
        return f"List {words}" if words.endswith("s") else f"Read {words}"

    def get_description(self) -> str:  # type: ignore[override]  # REST framework's takes more
        """Say it at the end."""
        said, scope = str(super().get_description()), self._scope()
        return f"{said}\n\nNeeds the scope `{scope}`." if scope else said

    def get_extensions(self) -> dict[str, Any]:
        """Say it to programs."""
        scope = self._scope()
        return {"x-scope": scope} if scope else {}

    def _scope(self) -> str:
        return str(getattr(self.view, "scope", ""))


def _noun(word: str, behind: list[str]) -> str:
    """Return what a part of a path names: one of them where more follows, else all."""
    return _singular(word) if behind else word


def _singular(word: str) -> str:
    return word.removesuffix("s")
