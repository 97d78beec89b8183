"""Vendors out: a `Message` in, a `Receipt` or an error whose class says what to do next. Nothing of Django."""
