"""Deleting a team with all that is its own."""
