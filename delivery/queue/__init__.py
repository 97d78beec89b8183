"""The queue: claims and leases of due emails, fairness between owners, heartbeats, watermark, broker."""
