"""Validate, insert one row, call boto3 with a reused client, update the row."""

import os
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.peer.models import Email


class SendSerializer(serializers.Serializer[Any]):
    from_address = serializers.CharField(max_length=320)
    to_addresses = serializers.ListField(child=serializers.EmailField(), min_length=1)
    cc_addresses = serializers.ListField(child=serializers.EmailField(), required=False)
    bcc_addresses = serializers.ListField(child=serializers.EmailField(), required=False)
    subject = serializers.CharField(max_length=900, required=False, allow_blank=True)
    body = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    attachments = serializers.ListField(child=serializers.FileField(), required=False)


class SendEmail(APIView):
    def post(self, request: Request) -> Response:
        serializer = SendSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        files = values.pop("attachments", [])
        email = Email.objects.create(**values)
        email.status, email.message_id = "sent", offer(email, files)
        email.save(update_fields=["status", "message_id"])
        return Response({"id": email.pk, "status": email.status})


def offer(email: Email, files: list[Any]) -> str:
    answer = client().send_email(
        FromEmailAddress=email.from_address,
        Destination={
            "ToAddresses": email.to_addresses,
            "CcAddresses": email.cc_addresses,
            "BccAddresses": email.bcc_addresses,
        },
        Content={"Raw": {"Data": mime(email, files)}} if files else simple(email),
    )
    return str(answer["MessageId"])


@cache
def client() -> Any:
    return boto3.client(
        "sesv2",
        region_name=os.environ["AWS_SES_REGION"],
        endpoint_url=os.environ["AWS_SES_ENDPOINT_URL"],
        config=Config(max_pool_connections=32),
    )


def simple(email: Email) -> dict[str, Any]:
    body = {"Text": {"Data": email.body, "Charset": "UTF-8"}}
    return {"Simple": {"Subject": {"Data": email.subject, "Charset": "UTF-8"}, "Body": body}}


def mime(email: Email, files: list[Any]) -> bytes:
    message = MIMEMultipart()
    message["From"], message["Subject"] = email.from_address, email.subject
    message["To"] = ", ".join(email.to_addresses)
    message.attach(MIMEText(email.body))
    for file in files:
        part = MIMEApplication(file.read(), _subtype=file.content_type.partition("/")[2])
        part.add_header("Content-Disposition", "attachment", filename=file.name)
        message.attach(part)
    return message.as_bytes()
