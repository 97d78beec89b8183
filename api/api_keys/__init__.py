"""keys/: the API keys of a team, made, changed, rotated, paused and revoked with one of them."""
