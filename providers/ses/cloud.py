"""The AWS services around SES: clients for SNS, SQS, STS and the settings of SES, and their errors in our words.

botocore repeats these calls itself: unlike the sending of a mail, each of them may be repeated.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config as Options
from botocore.exceptions import BotoCoreError, ClientError

from providers.errors import AccountProblem, ProviderError, Unavailable
from providers.ses.adapter import Config
from providers.wire import http

# SQS waits for 20 s at most.
_OPTIONS = Options(connect_timeout=5, read_timeout=30, user_agent_extra="gomail")
PATIENT = 6  # attempts: SES answers one call a second, and botocore waits longer and longer for it

# Patterns of the code, and the remedy.
_REMEDIES: tuple[tuple[str, str], ...] = (
    (
        r"AccessDenied|AuthorizationError|UnauthorizedOperation|NotAuthorized",
        "allow {action} for this key; docs/connecting-events.md has the whole policy.",
    ),
    (
        r"UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|AuthFailure",
        "Amazon does not accept the key. Enter an active access key of this account and its secret.",
    ),
    (r"CredentialsError", "no AWS key is found. Set both parts of one, or give this machine a role."),
    (r"ExpiredToken", "the temporary key has expired. Renew it."),
    (r"RequestExpired|RequestTimeTooSkewed", "the clock of this machine is wrong. Set it."),
)
_NOT_THERE = r"NotFound|NonExistent|DoesNotExist"
_AWAY = r"Throttl|TooManyRequests|InternalError|InternalFailure|ServiceUnavailable|^5\d\d$"


class Missing(AccountProblem):
    """AWS has no such thing."""


class Cloud:
    """The clients of one account in one region; each is made when it is first needed."""

    def __init__(self, config: Config, *, attempts: int) -> None:
        """Keep the configuration, and how often a call is tried; nothing is asked yet."""
        self.name, self.region = config.name, config.region
        self._config = config
        self._options = _OPTIONS.merge(Options(retries={"mode": "standard", "total_max_attempts": attempts}))

    @cached_property
    def sts(self) -> Any:
        """The client that tells whose the key is."""
        return self._client("sts")

    @cached_property
    def sns(self) -> Any:
        """The client for topics."""
        return self._client("sns")

    @cached_property
    def sqs(self) -> Any:
        """The client for queues. botocore's own variables for its endpoint keep working."""
        return self._client("sqs")

    @cached_property
    def ses(self) -> Any:
        """The client for the settings of SES."""
        return self._client("sesv2", self._config.endpoint_url)

    @contextmanager
    def asking(self, action: str) -> Iterator[None]:
        """Turn botocore's errors into a ProviderError; `action` is what the key must be allowed to do."""
        try:
            yield
        except (BotoCoreError, ClientError, OSError, ValueError) as error:
            raise self._problem(action, error) from None

    def close(self) -> None:
        """Close the connections of the clients that were made."""
        for name in ("sts", "sns", "sqs", "ses"):
            if client := self.__dict__.pop(name, None):
                client.close()

    @cached_property
    def _session(self) -> boto3.session.Session:
        return boto3.session.Session(
            region_name=self.region,
            aws_access_key_id=self._config.access_key_id or None,
            aws_secret_access_key=self._config.secret_access_key or None,
        )

    def _client(self, service: str, url: str = "") -> Any:
        make: Any = self._session.client
        return make(service, endpoint_url=url or None, config=self._options)

    def _problem(self, action: str, error: Exception) -> ProviderError:
        said = f"Amazon answered: {http.said(str(error), self._config.secrets)}"
        named = _code(error)
        if isinstance(error, BotoCoreError) and "Credentials" not in type(error).__name__:
            return Unavailable(
                f"{self.name}: AWS cannot be asked ({action}). {said}", code=type(error).__name__
            )
        if re.search(_AWAY, named):
            return Unavailable(f"{self.name}: AWS is failing ({action}); wait. {said}", code=named)
        if re.search(_NOT_THERE, named):
            return Missing(f"{self.name}: {said}", code=named)
        remedy = next(
            (advice for fits, advice in _REMEDIES if re.search(fits, named)), "{action} was refused."
        )
        return AccountProblem(f"{self.name}: {remedy.format(action=action)} {said}", code=named)


def _code(error: Exception) -> str:
    """Return AWS' code of an error; botocore's own errors have none."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
