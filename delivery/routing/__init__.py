"""The choice of providers for an email: those that can take it, and whose circuits let it through."""
