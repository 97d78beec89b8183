"""What a client asks of us: to send one email or many, now or later, to change one, or to say what would be."""
