"""Recovery from crashes: the emails of a dead process are rescued; one that crashes its processes is quarantined."""
