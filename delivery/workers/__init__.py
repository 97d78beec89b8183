"""Who sends what is due all the time: the embedded worker, and Celery's."""
