"""What a machine has none of for the moment: disk, files, memory. What comes then is not accepted: 503."""

import errno

from providers.wire import shortage

RETRY_AFTER = "5"  # seconds
_OF_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def explains(error: BaseException) -> bool:
    """Tell whether the error will pass when there is room again."""
    return (isinstance(error, OSError) and error.errno in _OF_DISK) or shortage.explains(error)
