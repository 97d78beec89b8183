"""webhooks/: a client's endpoints, what they were told, and telling it again."""
