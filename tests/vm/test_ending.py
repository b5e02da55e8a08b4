# SPDX-License-Identifier: GPL-2.0-only
"""A virtual machine ends with the process that began it, on whatever signal. A script stands for QEMU."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SECONDS = 60
QEMU = f"""#!/bin/sh
echo $$ >"$TMPDIR/pid.new" && mv "$TMPDIR/pid.new" "$TMPDIR/pid"
exec sleep {SECONDS}
"""
RUN = f"""
import sys
from types import SimpleNamespace
sys.path.insert(0, {str(HERE)!r})
import machine
kernel = SimpleNamespace(name="none", image="none", initramfs="none", modules="none")
machine.clean_up_on_sigterm()
machine.run(kernel, "none", "true", {SECONDS}, options=machine.Options(counted=True))
"""


def awaited(true):
    deadline = time.monotonic() + SECONDS / 2
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


def has_ended(pid):
    """Also where no process of this machine asks how its orphans ended."""
    try:
        return b") Z " in Path("/proc", pid, "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGKILL, signal.SIGHUP))
def test_a_machine_ends_with_whoever_began_it(tmp_path, number):
    program, pid = tmp_path / "bin/qemu-system-x86_64", tmp_path / "pid"
    program.parent.mkdir()
    program.write_text(QEMU)
    program.chmod(0o755)
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PATH": f"{program.parent}:{os.environ['PATH']}"}
    with subprocess.Popen([sys.executable, "-B", "-c", RUN], env=environment) as runs:
        try:
            assert awaited(pid.exists)
        finally:
            runs.send_signal(number)
    assert awaited(lambda: has_ended(pid.read_text().strip()))
    if number == signal.SIGTERM:
        assert runs.returncode == 128 + number and not list(tmp_path.glob("ipipbpf-vm-*"))
