"""Finding emails in the log: the query, and the index of words in subjects."""
