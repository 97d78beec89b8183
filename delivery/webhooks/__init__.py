"""Webhooks out: what clients asked to be told of is written down, signed, and posted to them."""
