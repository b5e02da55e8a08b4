# SPDX-License-Identifier: GPL-2.0-only
"""Debian's kernels: which suite has which, and what a virtual machine needs of one."""

import lzma
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from archive import ArchiveError, Suite, unpack
from cache import CACHE
from images import make_ext4, make_initramfs

_SUITES = {"5.10": ["bullseye"], "6.1": ["bookworm"], "6.12": ["trixie"], "newest": ["trixie-backports", "sid"]}
NAMES = list(_SUITES)

_METAPACKAGE = "linux-image-cloud-amd64"
# What finds the disks and mounts them; everything else is loaded from them.
_BOOT_MODULES = ("crc32c_generic", "virtio_pci", "virtio_blk", "ext4")


@dataclass
class Kernel:
    name: str
    image: Path
    modules: Path
    initramfs: Path
    origin: str


def _versions(text):
    return [int(number) for number in re.findall(r"\d+", text)]


def _newest_suite(names):
    found = {}
    for name in names:
        suite = Suite(name)
        suite.ensure_lists()
        version = suite.field(_METAPACKAGE, "Version")
        if version:
            found[name] = (_versions(version), suite)
    if not found:
        raise ArchiveError(f"no {_METAPACKAGE} in {' or '.join(names)}")
    return max(found.values(), key=lambda pair: pair[0])[1]


def _packages(suite):
    """The packages that hold the kernel itself: one, or since 7.x its parts."""
    wanted, packages = [_METAPACKAGE], []
    while wanted:
        package = wanted.pop()
        depends = re.findall(r"linux-(?:image|base|binary|modules)-\d[\w.+-]*", suite.field(package, "Depends"))
        wanted += [name for name in depends if name not in packages]
        packages += [name for name in depends if name not in packages]
    return packages


def _one(paths):
    found = list(paths)
    if len(found) != 1:
        raise ArchiveError(f"expected one kernel in its packages, found {found}")
    return found[0]


def _boot_modules(directory):
    """Paths below DIRECTORY, each after what it depends on."""
    depends = {}
    for line in (directory / "modules.dep").read_text().splitlines():
        path, _, needed = line.partition(":")
        depends[path] = needed.split()
    order = []
    for path, needed in depends.items():
        if Path(path).name.split(".")[0] in _BOOT_MODULES:
            order += [*reversed(needed), path]
    return list(dict.fromkeys(order))


def _unpacked_module(path):
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


def _make_initramfs(modules, archive):
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        root = Path(name)
        for directory in ("bin", "dev", "proc", "sys", "root", "modules"):
            (root / directory).mkdir()
        shutil.copy2("/bin/busybox", root / "bin/busybox")
        shutil.copy2(Path(__file__).with_name("init"), root / "init")
        order = _boot_modules(modules)
        for number, path in enumerate(order):
            (root / "modules" / f"{number:02}-{Path(path).name.split('.')[0]}.ko").write_bytes(
                _unpacked_module(modules / path))
        make_initramfs(root, archive)


def _build(suite, packages, directory):
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        root = Path(name)
        (root / "tree/usr/lib").mkdir(parents=True)
        (root / "tree/lib").symlink_to("usr/lib")
        for package in suite.download(packages, root):
            unpack(package, root / "tree")
        modules = _one((root / "tree/usr/lib/modules").iterdir())
        image = _one([*(root / "tree").glob("boot/vmlinuz*"), *modules.glob("vmlinuz*")])
        subprocess.run(["/sbin/depmod", "-b", root / "tree", modules.name], check=True)
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(image, directory / "vmlinuz")
        make_ext4(modules.parent, directory / "modules.ext4")
        _make_initramfs(modules, directory / "initramfs")
        (directory / "origin").write_text(f"Linux {modules.name}, {packages[0]}={suite.field(packages[0], 'Version')} "
                                          f"from {suite.name}\n")


def kernel(name, update=False):
    """Kernel NAME of NAMES. What the cache holds is taken as it is, unless UPDATE asks the archive for a newer one."""
    directory = CACHE / "kernels" / name
    if update or not (directory / "origin").exists():
        suites = _SUITES[name]
        if update:
            for suite in suites:
                Suite(suite).update()
        suite = _newest_suite(suites)
        shutil.rmtree(directory, ignore_errors=True)
        _build(suite, _packages(suite), directory)
    return Kernel(name, directory / "vmlinuz", directory / "modules.ext4", directory / "initramfs",
                  (directory / "origin").read_text().strip())
