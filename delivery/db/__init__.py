"""Access to the database: statements compiled once, group commit, retries while the database is away."""
