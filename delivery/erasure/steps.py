"""A step of an erasure: a change so short that no sender waits for it, in a transaction with what is counted of it."""

from collections import Counter
from collections.abc import Callable

Step = Callable[[], Counter[str]]
