"""The workers that hand over due emails: the embedded worker, and Celery's tasks."""
