"""Mailings: checked, started, made into emails in slices ahead of their rate, and followed to their results."""
