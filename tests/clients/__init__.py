"""Real HTTP clients against a real server: `make test-clients`. Not part of `make test`: few machines have them all."""
