"""One walk of an email along the providers: attempts, what each came to, and what is written down of it."""
