# SPDX-License-Identifier: GPL-2.0-only
"""The verdict list, read from include/verdict.h: names, their indexes in the map `verdicts`, and fates."""

import re
from pathlib import Path

_HEADER = Path(__file__).resolve().parents[2] / "include" / "verdict.h"
_ENTRIES = re.findall(r'X\((\w+),\s*"(\w+)",\s*(UNTOUCHED|DROP|CARRY),', _HEADER.read_text())

NAMES = [name for _, name, _ in _ENTRIES]
INDEX = {name: index for index, name in enumerate(NAMES)}
FATE = {name: fate for _, name, fate in _ENTRIES}
ROOM = 64

# What failed the reverse-path check and was let through because of `monitor`.
LET_THROUGH = [name for name in NAMES if name.endswith("_mon")]
