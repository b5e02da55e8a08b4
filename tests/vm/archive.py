# SPDX-License-Identifier: GPL-2.0-only
"""Packages from any suite of the Debian archive that this machine uses, without touching the machine's own apt."""

import os
import re
import subprocess
from pathlib import Path

from cache import CACHE

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class ArchiveError(Exception):
    """What could not be had from the archive, and the remedy."""


def _output(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def machine_codename():
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return release.get("VERSION_CODENAME", "").strip('"')


def _mirror():
    """The address from which this machine itself takes its release, be it in sources.list or in a deb822 file."""
    if os.environ.get("DEBIAN_MIRROR"):
        return os.environ["DEBIAN_MIRROR"]
    codename = machine_codename()
    targets = _output("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(CODENAME)",
                      "Created-By: Packages")
    for target in targets.splitlines():
        address, *names = target.split()
        if codename in names and Path("/etc/debian_version").exists() and "ubuntu" not in _os_id():
            return address
    raise ArchiveError("this machine's apt names no Debian archive: set DEBIAN_MIRROR=http://…/debian")


def _os_id():
    return re.search(r"^ID=(.*)$", Path("/etc/os-release").read_text(), re.M).group(1)


class Suite:
    """One suite (`bookworm`, `sid`), with package lists and downloads of its own below the cache."""

    def __init__(self, name):
        self.name = name
        self._directory = CACHE / "apt" / name
        self._configuration = self._directory / "apt.conf"

    def _prepare(self):
        if not _KEYRING.exists():
            raise ArchiveError(f"{_KEYRING} is absent: install debian-archive-keyring")
        for part in ("lists/partial", "archives/partial", "none"):
            (self._directory / part).mkdir(parents=True, exist_ok=True)
        (self._directory / "status").touch()
        (self._directory / "suite.list").write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {self.name} main\n")
        # How to reach the archive (a proxy, say) stays as the machine has it; its hooks, pins and lists do not.
        acquire = [line for line in _output("apt-config", "dump").splitlines()
                   if line.startswith("Acquire::") and not line.startswith("Acquire::IndexTargets")]
        self._configuration.write_text("\n".join([
            *acquire,
            f'Dir::State "{self._directory}";',
            f'Dir::State::lists "{self._directory}/lists";',
            f'Dir::State::status "{self._directory}/status";',
            f'Dir::Cache "{self._directory}";',
            f'Dir::Cache::archives "{self._directory}/archives";',
            f'Dir::Etc::sourcelist "{self._directory}/suite.list";',
            *(f'Dir::Etc::{kind} "{self._directory}/none";'
              for kind in ("parts", "sourceparts", "preferences", "preferencesparts")),
            'APT::Sandbox::User "root";',
            'APT::Install-Recommends "false";',
            'Acquire::Languages "none";',
        ]) + "\n")

    def _apt(self, tool, *words, **options):
        return _output(f"apt-{tool}", "-qq", *words,
                       env={**os.environ, "APT_CONFIG": str(self._configuration), "LC_ALL": "C"}, **options)

    def update(self):
        self._prepare()
        try:
            self._apt("get", "update", "-o", "APT::Update::Error-Mode=any")
        except subprocess.CalledProcessError as error:
            raise ArchiveError(f"the lists of suite {self.name} cannot be had from the archive") from error

    def ensure_lists(self):
        if not any((self._directory / "lists").glob("*Packages*")):
            self.update()

    def field(self, package, name):
        """A field of the newest version of PACKAGE in this suite; empty where it has none."""
        shown = self._apt("cache", "show", "--no-all-versions", package)
        found = re.search(rf"^{name}: (.*)$", shown, re.M)
        return found.group(1) if found else ""

    def download(self, packages, directory):
        directory.mkdir(parents=True, exist_ok=True)
        self._apt("get", "download", *packages, cwd=directory)
        return sorted(directory.glob("*.deb"))

    def download_closure(self, packages):
        """PACKAGES and all that they depend on, as on a machine that has nothing yet."""
        self._apt("get", "--yes", "--download-only", "install", *packages)
        return sorted((self._directory / "archives").glob("*.deb"))


def unpack(package, directory):
    """As dpkg does it: where DIRECTORY has `lib` as a link to `usr/lib`, it stays one (dpkg-deb alone replaces it)."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as content:
        subprocess.run(["tar", "--extract", "--keep-directory-symlink", "-C", directory], stdin=content.stdout, check=True)
    if content.returncode:
        raise ArchiveError(f"{package} is damaged: delete {package.parent}")
