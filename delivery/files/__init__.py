"""Files on disk: the content of attachments, and files locked by the process that writes them."""
