"""The gunicorn worker of the HTTP server, with its I/O threads and worker threads."""
