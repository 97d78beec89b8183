"""Talking to the database: statements compiled once, writes in groups, and what to do while it is away."""
