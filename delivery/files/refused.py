"""Files that are not taken: the class says which answer a client gets, the text names the file and the reason."""


class FileRefused(Exception):
    """A file must not be sent."""

    code = ""  # of api.error_codes; the first word of the reason of an email that ended so


class ArchiveRefused(FileRefused):
    """An archive is beyond a limit, damaged, lies about itself, or is of a kind that is not taken."""

    code = "archive_refused"


class ArchiveEncrypted(FileRefused):
    """An archive is encrypted, so that nobody on the way can look into it."""

    code = "archive_encrypted"


class Disguised(FileRefused):
    """A program has the name of a document, a picture or the like."""

    code = "disguised_attachment"


class Malware(FileRefused):
    """The virus scanner has found something."""

    code = "malware"


CODES = tuple(kind.code for kind in (ArchiveRefused, ArchiveEncrypted, Disguised, Malware))


def shown(name: str) -> str:
    """Return a name from inside an archive, as it may stand in a message."""
    return ascii(name[-80:])
