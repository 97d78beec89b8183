"""A provider that takes everything and sends nothing."""
