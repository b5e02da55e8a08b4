# SPDX-License-Identifier: GPL-2.0-only
"""On what, of what and when the figures were taken: without these they mean nothing."""
import datetime
import os
import pathlib
import re
import subprocess
import time

# Processes that want a CPU, on average over a minute, from which on the benchmark is not alone.
BUSY = 0.7
ROOT = pathlib.Path(__file__).resolve().parents[2]


def _cpu_model():
    found = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else os.uname().machine


def _commit():
    """The work tree's commit, with "-dirty" if files differ from it. Root may measure another user's tree."""
    done = subprocess.run(["git", "-C", str(ROOT), "-c", "safe.directory=*", "describe", "--always", "--dirty",
                           "--abbrev=12", "--exclude=*"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def describe():
    return {"cpu": _cpu_model(), "cpus": os.cpu_count(), "kernel": os.uname().release, "commit": _commit(),
            "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "load": round(os.getloadavg()[0], 2)}


def line(described):
    return "commit {commit}; Linux {kernel}; {cpu}, {cpus} CPUs; {date}".format(**described)


def show(described):
    print(line(described), flush=True)
    if described["load"] > BUSY:
        print(f"The machine's load is {described['load']}: expect wide spreads, and do not compare with other runs.",
              flush=True)


class Busy:
    """Since when the benchmark runs, and what of the CPUs' time the machine below took for others meanwhile."""

    def __init__(self):
        self._start, self._ticks = time.monotonic(), self._cpu_ticks()

    @staticmethod
    def _cpu_ticks():
        """Ticks that were stolen, and all."""
        fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        return fields[7], sum(fields)

    def show(self):
        stolen, ticks = (now - before for now, before in zip(self._cpu_ticks(), self._ticks))
        print(f"\nAll took {(time.monotonic() - self._start) / 60:.0f} minutes. Of the CPUs' time the host kept "
              f"{stolen / max(ticks, 1):.1%} for others.", flush=True)
