"""mailings/: one message to everybody in a group."""
