# SPDX-License-Identifier: GPL-2.0-only
"""The tests and probes of this folder, and the lines that they are named after."""

import ast
import re
from pathlib import Path

NAMED = re.compile(r"(?:test|probe)_(\d+)_(\d+)_")


def functions(kind):
    """The functions named `kind`_... in the files named so: (file, name). Those of test_table.py are about the rest."""
    for path in sorted(Path(__file__).parent.glob(f"{kind}*_rfc*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith(f"{kind}_"):
                yield path.name, node.name


def line_of(name):
    """The line that a test or probe is named after, or None."""
    found = NAMED.match(name)
    return f"{found[1]}-{found[2]}" if found else None
