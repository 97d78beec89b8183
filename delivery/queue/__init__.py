"""The queue: claims and leases of due emails, fairness between owners, workers' heartbeats, the broker."""
