# SPDX-License-Identifier: GPL-2.0-only
"""Where everything is kept that takes long to get and outlives a run: outside the repository."""

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or ("/var/cache" if os.geteuid() == 0 else Path.home() / ".cache")) \
    / "ipipbpf-vm"


@contextmanager
def held():
    """The cache is one run's at a time: so are this machine's CPUs, of which each virtual machine keeps one busy."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
