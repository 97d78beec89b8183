"""Builds a provider of type `ses` from variables."""

from providers.configuration import Entry, NotConfigured
from providers.ses.adapter import SES, Config
from providers.ses.events import Source


def provider(entry: Entry) -> SES:
    """Return the account; raise NotConfigured without a region, or with only one of the two keys."""
    return SES(config(entry))


def config(entry: Entry) -> Config:
    """Return the account's configuration; raise NotConfigured without a region, or with only one of two keys."""
    region = entry.read("AWS_SES_REGION")
    key, secret = (entry.read(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    if not region:
        given = "The AWS keys are set, but no region. " if key or secret else ""
        raise NotConfigured(f"{given}Set {entry.variable('AWS_SES_REGION')}, for instance to eu-west-1.")
    if bool(key) != bool(secret):
        missing = "AWS_SECRET_ACCESS_KEY" if key else "AWS_ACCESS_KEY_ID"
        raise NotConfigured(
            f"only one of two keys is set. Set {entry.variable(missing)} as well, or neither."
        )
    return Config(
        name=entry.name,
        region=region,
        access_key_id=key,
        secret_access_key=secret,
        configuration_set=entry.read("AWS_SES_CONFIGURATION_SET"),
        endpoint_url=entry.url("AWS_SES_ENDPOINT_URL", default=""),
    )


def events(entry: Entry) -> Source:
    """Return where its events come from over HTTP; without a topic or a region nothing can be verified."""
    region = entry.read("AWS_SES_REGION")
    return Source(entry.words("AWS_SES_EVENTS_TOPIC_ARN") if region else [], region)
