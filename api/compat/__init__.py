"""Forms of requests that other services have: each is one translation to a Draft."""
