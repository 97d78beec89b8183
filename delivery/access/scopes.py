"""Scopes and roles, for those who decide by them. They are choices of the tables, so that is where they stand."""

from delivery.models.scopes import ALIASES, NAMES, OF_ROLE, Role, Scope, allows, expand

__all__ = ["ALIASES", "NAMES", "OF_ROLE", "Role", "Scope", "allows", "expand"]
