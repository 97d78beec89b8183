"""The signature of a request to AWS, worked out without botocore."""

import hashlib
import hmac
from functools import reduce


def signature(request, secret, scope):
    """Return the signature that AWS expects: docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html."""
    names = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0]
    lines = [f"{name}:{request.headers[name]}\n" for name in names.split(";")]
    digest = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join([request.method, request.path, "", "".join(lines), names, digest])
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, hashed])
    key = reduce(_hmac, [*scope.split("/")], f"AWS4{secret}".encode())
    return _hmac(key, text).hex()


def _hmac(key, text):
    return hmac.new(key, text.encode(), "sha256").digest()


def verify(request, key="AKID", secret="wJalrXUtnFEMI", region="eu-west-1"):
    scope = f"{request.headers['x-amz-date'][:8]}/{region}/ses/aws4_request"
    assert f"Credential={key}/{scope}," in request.headers["authorization"]
    assert request.headers["authorization"].endswith(f"Signature={signature(request, secret, scope)}")
