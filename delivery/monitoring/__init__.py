"""Monitoring: the installation's health, each provider's status, readiness checks, and the drill."""
