"""The MIME of a message: built once for every provider that takes it."""
