"""The queue: claims and leases of due emails, fairness between teams, heartbeats, watermark, broker."""
