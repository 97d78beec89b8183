"""Contacts and their groups, and the files that they come and go in."""
