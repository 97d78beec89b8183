"""How long things are kept: finished emails are pruned, and files that no email needs go."""
