"""contacts/, groups/ and imports/: whom a team writes to."""
