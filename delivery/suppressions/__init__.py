"""Who must not be written to, and what that keeps from whom."""
