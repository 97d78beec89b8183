"""What MkDocs is told beyond mkdocs.yml: the pages outside docs/, and links as they are on GitHub."""

import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT: Final = Path(__file__).resolve().parent.parent.parent
# Pages of the repository by their place in the site; the README is the first one, docs/README.md the index of all.
_PLACES: Final = {
    "README.md": "index.md",
    "docs/README.md": "documents.md",
    **{
        name: name
        for name in (
            "ARCHITECTURE.md",
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "benchmarks/results.md",
            "deploy/README.md",
            "deploy/permissions.md",
        )
    },
    ".env.example": "variables.md",
}
_SOURCES: Final = {place: source for source, place in _PLACES.items()}
_LINK: Final = re.compile(
    r"(?P<text>!?\[(?:[^\[\]]|\[[^\[\]]*\])*\])\((?P<target>[^()\s#]*)(?P<anchor>#[^()\s]*)?\)"
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put pages that nobody has placed at the end of the navigation: none is out of reach."""
    placed = str(config.nav)
    left = [path.name for path in sorted((_ROOT / "docs").glob("*.md")) if f"'{path.name}'" not in placed]
    config.nav[-1]["Reference"] += [name for name in left if name != "README.md"]  # type: ignore[index]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand outside docs/."""
    if readme := files.get_file_from_path("README.md"):
        files.remove(readme)
    for source, place in _PLACES.items():
        text = (_ROOT / source).read_text()
        content = f"# Every variable\n\n```sh\n{text}```\n" if source == ".env.example" else text
        files.append(File.generated(config, place, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to places in the site; what is not in it, such as code, is named and not linked."""
    source = _SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    known = {file.src_uri for file in files}

    def led(found: re.Match[str]) -> str:
        target, anchor = found["target"], found["anchor"] or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return found[0]
        place = _place(posixpath.normpath(posixpath.join(posixpath.dirname(source), target)))
        if place not in known:
            return found["text"][1:-1]
        return f"{found['text']}({_relative(place, page.file.src_uri)}{anchor})"

    return _outside_code(markdown, led)


def _place(path: str) -> str:
    """Return where a file of the repository is in the site; of a folder, its README."""
    if (_ROOT / path).is_dir():
        path = f"{path}/README.md"
    return _PLACES.get(path, path.removeprefix("docs/"))


def _relative(place: str, page: str) -> str:
    return posixpath.relpath(place, PurePosixPath(page).parent.as_posix())


def _outside_code(markdown: str, led: Any) -> str:
    parts = re.split(r"(^ *```.*?^ *```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if at % 2 else _LINK.sub(led, part) for at, part in enumerate(parts))
