# SPDX-License-Identifier: GPL-2.0-only
"""The copies of the charts that the README shows."""
import shutil

from .machine import ROOT

DIRECTORY = ROOT / "doc" / "bench"


def copy(files):
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, DIRECTORY / file.name)
        print(f"{(DIRECTORY / file.name).relative_to(ROOT)} is new")
