# SPDX-License-Identifier: GPL-2.0-only
"""The list of mutants that no test can notice: survivors.txt. A reason, then what it holds for, indented."""

from pathlib import Path

_LIST = Path(__file__).with_name("survivors.txt")


def listed_survivors():
    """{mutant: its reason}. ValueError if a line has no reason above it, or says a mutant again."""
    found, reason, taken = {}, [], True
    for line in _LIST.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith("\t"):
            reason = [line] if taken else [*reason, line]
            taken = False
            continue
        if not reason or line.strip() in found:
            raise ValueError(f"{_LIST}: without a reason, or twice: {line.strip()}")
        found[line.strip()] = " ".join(reason)
        taken = True
    return found
