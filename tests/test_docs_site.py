"""The documents are a site: every link and anchor leads somewhere, and nothing comes from elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

# What a page loads by itself; links that people follow may lead anywhere.
_LOADED = re.compile(
    r"""<(?:script|img|iframe|source)[^>]+src=["']?(https?:)?//|<link[^>]+(?:stylesheet|preconnect|icon)[^>]+href=["']?(https?:)?//"""
    r"""|@import|url\(["']?(https?:)?//"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it as `make docs` does; a broken link or anchor ends the build."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    variables = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_of_the_repository_is_in_the_site(site: Path) -> None:
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    for path in [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "decisions").glob("*.md")]:
        name = path.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        name = name.replace("decisions/README", "decisions/index").replace("README", "documents")
        assert name in pages
    outside = {"index", "ARCHITECTURE", "CHANGELOG", "CONTRIBUTING", "deploy/index", "variables"}
    assert {f"{name}.html" for name in outside} <= pages


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 80
    assert [path.name for path in pages if _LOADED.search(path.read_text())] == []
