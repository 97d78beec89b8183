"""How REST framework's views become operations of the OpenAPI document."""

from typing import Any

from drf_spectacular.openapi import AutoSchema


class ScopedSchema(AutoSchema):
    """Operations with the scope that a key needs for them, also as `x-scope`."""

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
