"""Clients' requests: send one email or many, now or later; change one; explain what would be done (dry run)."""
