"""Which provider may have an email: those that can take it, and whose circuits let it through."""
