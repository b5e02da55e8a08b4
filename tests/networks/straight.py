# SPDX-License-Identifier: GPL-2.0-only
"""What `forward on` does on which kernel."""
import os
import re

KERNEL = tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups()))
# Since when the kernel tells what a mode must know.
SINCE = {"native": (6, 3), "skb": (5, 10), "tc": (5, 12)}


def goes_straight(mode):
    return KERNEL >= SINCE[mode]
