"""Retention: prunes finished emails, and deletes files that no email needs."""
