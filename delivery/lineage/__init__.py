"""Whether this database is as far as it was: a restored backup or a stale standby is noticed, and sends nothing."""
