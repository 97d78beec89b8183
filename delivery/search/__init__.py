"""Search in the log: the query, and the full-text index of subjects."""
