from django.db import models


class Email(models.Model):
    created_at = models.DateTimeField(auto_now_add=True)
    from_address = models.CharField(max_length=320)
    to_addresses = models.JSONField(default=list)
    cc_addresses = models.JSONField(default=list)
    bcc_addresses = models.JSONField(default=list)
    subject = models.CharField(max_length=900, blank=True)
    body = models.TextField(blank=True)
    status = models.CharField(max_length=10, default="sending")
    message_id = models.CharField(max_length=255, blank=True)
    finished_at = models.DateTimeField(null=True)  # written by the queues' workers

    def __str__(self) -> str:
        return self.subject
