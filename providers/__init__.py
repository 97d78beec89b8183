"""Vendors out: a `Message` in, a `Receipt` or an error that says what to do next. Nothing of Django."""
