"""How the HTTP server runs: gunicorn --config python:gomail.gunicorn."""

import os

wsgi_app = "gomail.wsgi"
bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"

# A request waits for a provider, not for the processor: threads hide that. Each keeps its database connection.
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = int(os.environ.get("WEB_THREADS", "32"))

graceful_timeout = 35  # an attempt in flight is bounded to less
keepalive = 20
control_socket_disable = True
limit_request_line = 8190
