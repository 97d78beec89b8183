"""What is due, and whose it is: claims, leases, fairness between owners, heartbeats of workers, the broker."""
