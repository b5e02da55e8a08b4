# SPDX-License-Identifier: GPL-2.0-only
"""Directories made into what a virtual machine boots from: ext4 images and initramfs archives."""

import os
import subprocess
from pathlib import Path


def _size(directory):
    """Bytes that the files take in 4 KiB blocks, and the number of files."""
    sizes = [path.lstat().st_size for path in directory.rglob("*")]
    return sum((size + 4095) // 4096 * 4096 for size in sizes), len(sizes)


def make_ext4(directory, image, spare=16 << 20):
    """IMAGE appears whole or not at all. SPARE: bytes to be free in it."""
    content, files = _size(directory)
    unfinished = image.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-O", "^has_journal", "-m", "0", "-N",
                    str(files + 1024), "-d", directory, unfinished, f"{(content * 21 // 20 + spare) >> 10}k"],
                   check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"})
    unfinished.replace(image)


def make_initramfs(directory, archive):
    names = "\n".join(sorted(str(path.relative_to(directory)) for path in directory.rglob("*")))
    unfinished = Path(f"{archive}.new")
    with open(unfinished, "wb") as output:
        subprocess.run(["cpio", "--quiet", "--create", "--format=newc", "--owner=0:0"], cwd=directory,
                       input=names.encode(), stdout=output, check=True)
    unfinished.replace(archive)
