# SPDX-License-Identifier: GPL-2.0-only
"""How much the tests go through, and how long they wait for what must come.

IPIPBPF_QUICK=1 cuts lists and rounds where more of them take long and show little more; no test is left out.
IPIPBPF_SLOW=N says that this machine, an emulated one perhaps, is N times slower than others.
"""
import os

QUICK = os.environ.get("IPIPBPF_QUICK", "0") != "0"
_SLOW = float(os.environ.get("IPIPBPF_SLOW", 1))


def all_or(everything, some):
    """Everything, or some of it where it must be quick."""
    return some if QUICK else everything


def seconds(number):
    """As long as what takes up to this many seconds elsewhere may take here."""
    return number * _SLOW
