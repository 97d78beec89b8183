"""The HTTP server under gunicorn: connections and threads."""
