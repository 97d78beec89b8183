"""Erasure: a person is forgotten everywhere, or all that is kept of one is given out."""
