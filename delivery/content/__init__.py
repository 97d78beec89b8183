"""The content of an email and its rules: addresses, headers, file names, bodies, and the draft of them all."""
