# SPDX-License-Identifier: GPL-2.0-only
"""Processes that go before other programs, so that the figures are theirs."""
import contextlib
import os
import pathlib
import re

NICE = -10


def _group(pid):
    """The session's weight, where the kernel weighs sessions first: else each would get as much as all that is measured."""
    file = pathlib.Path(f"/proc/{pid}/autogroup")
    return file if file.exists() else None


def prefer(pid):
    """For a process that leads a session of its own."""
    os.setpriority(os.PRIO_PROCESS, pid, NICE)
    if _group(pid):
        _group(pid).write_text(str(NICE), encoding="ascii")


@contextlib.contextmanager
def preferred():
    """This process, while the block runs; its session with it."""
    nice, group = os.getpriority(os.PRIO_PROCESS, 0), _group("self")
    weight = re.search(r"nice (-?\d+)", group.read_text(encoding="ascii"))[1] if group else None
    prefer(os.getpid())
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        if group:
            group.write_text(weight, encoding="ascii")
