"""The sandbox: a provider that accepts everything and sends nothing."""
