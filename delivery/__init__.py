"""The domain and its record: an email is accepted, handed over, and what became of it is known."""
