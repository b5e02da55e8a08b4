# SPDX-License-Identifier: GPL-2.0-only
"""Takes away what a test run made on the machine, also when the run was killed.

A process of its own reads, line by line, what the tests make. Its input ends when the test process ends, in
whatever way that happens; then it deletes everything it was told of. So there is one way of cleaning up, and
each run uses it.
"""
import atexit
import os
import shutil
import subprocess
import sys

CLEAN_SECONDS = 60


class Cleaner:
    """The tests' side: tells the process what there will be to delete, before it is made."""

    def __init__(self):
        self._process = subprocess.Popen([sys.executable, os.path.abspath(__file__)], stdin=subprocess.PIPE,
                                         start_new_session=True, text=True)
        atexit.register(self.finish)

    def note(self, kind, name):
        self._process.stdin.write(f"{kind} {name}\n")
        self._process.stdin.flush()

    def finish(self):
        self._process.stdin.close()
        self._process.wait(CLEAN_SECONDS)


def delete_namespace(name):
    if os.path.exists(f"/run/netns/{name}"):
        subprocess.run(["ip", "netns", "del", name], check=False)


def unmount(directory):
    subprocess.run(["umount", "--lazy", directory], check=False, stderr=subprocess.DEVNULL)
    if os.path.isdir(directory):
        os.rmdir(directory)


def main():
    made = [line.split(maxsplit=1) for line in sys.stdin.read().splitlines()]
    for kind, name in made:
        if kind == "netns":
            delete_namespace(name)
    for kind, name in made:
        if kind == "mount":
            unmount(name)
        elif kind == "directory":
            shutil.rmtree(name, ignore_errors=True)


if __name__ == "__main__":
    main()
