"""Counting: what this process has done, in files that outlive it; monitoring adds up those of all processes."""
