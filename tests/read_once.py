"""What the installed packages' files say, read once in a run: no test changes them, and production reads them once.

Django's test client makes its middleware anew for each test, and each test's SES is a new account; without this half
of all the time of the tests goes by while the same files are found and parsed again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import CO_VARKEYWORDS
from typing import Any
from unittest.mock import patch

import botocore.hooks
import botocore.session
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser
from botocore.loaders import Loader
from whitenoise.middleware import WhiteNoiseMiddleware


@contextmanager
def static_files() -> Iterator[None]:
    """Let WhiteNoise find the static files at its first start."""
    find = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, Any] = {}

    def add_files(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            find(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    with patch.object(WhiteNoiseMiddleware, "add_files_from_finders", add_files):
        yield


@contextmanager
def descriptions_of_aws() -> Iterator[None]:
    """Let the loaders of botocore's sessions share what one of them has parsed, as those of one session do."""
    create: Callable[[str | None], Loader] = botocore.session.create_loader
    parsed: dict[str | None, dict[Any, Any]] = defaultdict(dict)

    def create_loader(path: str | None = None) -> Loader:
        loader = create(path)
        loader._cache = parsed[path]  # type: ignore[attr-defined]  # its types name what is public
        return loader

    with patch.object(botocore.session, "create_loader", create_loader):
        yield


@contextmanager
def classes_of_aws() -> Iterator[None]:
    """Let botocore make the class of a service's clients once, and learn once how its events are called today.

    What its handlers accept it sees from their code.
    """
    make: Callable[..., type] = ClientCreator._create_client_class
    made: dict[str, type] = {}
    begin, names = EventAliaser.__init__, dict[str, str]()
    inspect: Callable[[Any], bool] = botocore.hooks.accepts_kwargs

    def create_client_class(creator: ClientCreator, name: str, model: Any) -> type:
        if name not in made:
            made[name] = make(creator, name, model)
        return made[name]

    def begin_with_names(aliaser: EventAliaser, emitter: Any, aliases: Any = None) -> None:
        begin(aliaser, emitter, aliases)  # type: ignore[no-untyped-call]
        aliaser._alias_name_cache = names

    def accepts_kwargs(handler: Any) -> bool:
        code = getattr(handler, "__code__", None)
        return bool(code.co_flags & CO_VARKEYWORDS) if code else inspect(handler)

    with (
        patch.object(ClientCreator, "_create_client_class", create_client_class),
        patch.object(EventAliaser, "__init__", begin_with_names),
        patch.object(botocore.hooks, "accepts_kwargs", accepts_kwargs),
    ):
        yield
