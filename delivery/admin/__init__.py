"""The admin: the log of emails to read, API keys to make and revoke."""
