"""Files on disk: the attachments' content, and files that only one process may have."""
