"""A round, one walk of an email along the providers: its attempts, their outcomes, the email's new status."""
