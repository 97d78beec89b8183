import subprocess
import sys

from tests.paths import ROOT

PROGRAM = """
import sys
sys.modules["django"] = None  # any import of it fails
from providers import failover, registry
from providers.mime import build
from providers.wire import http
print([provider.name for provider in registry.build(["sandbox"], {})])
"""


def test_providers_import_without_django():
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr) == ("['sandbox']\n", "")
