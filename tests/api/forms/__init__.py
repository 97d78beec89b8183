"""How forms are read, byte by byte."""
