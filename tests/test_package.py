# SPDX-License-Identifier: GPL-2.0-only
"""What `make install` and `make deb` put on a system, and take away again.

The package is installed, run and purged in a copy of this machine's root: an overlay, in namespaces of its own for mounts
and network, that is gone behind the command.
"""
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
VERSION = re.search(r"^VERSION := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1]
FILES = {"sbin/ipipbpf", "share/man/man8/ipipbpf.8", "share/man/man5/ipipbpf.conf.5",
         "share/bash-completion/completions/ipipbpf", "libexec/ipipbpf/if-up"}
# What the package adds: the same hook for each manager of networks, and documents.
HOOKS = {"etc/network/if-up.d/ipipbpf", "usr/lib/NetworkManager/dispatcher.d/50-ipipbpf",
         "usr/lib/networkd-dispatcher/routable.d/50-ipipbpf"}
DOCUMENTS = {"README.md", "changelog", "copyright", "examples/grafana-dashboard.json"}
# What dpkg keeps for itself, and what the triggers of other packages write.
DPKG_OWN = ("var/lib/dpkg/", "var/log/", "var/cache/", "etc/ld.so.cache")

IN_OVERLAY = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
mount -t sysfs sysfs "$1/root/sys"
mount -t bpf bpf "$1/root/sys/fs/bpf"
cp "$2" "$1/root/tmp/package.deb"
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link set lo up
ip link add name eth0 type veth peer name eth1
ip address add 172.16.16.22/20 dev eth0
ip link set eth0 up
cd "$1/upper"
chroot "$1/root" sh -ec "$3" >&2
find . ! -type d -printf '%P\\n'
echo purged
chroot "$1/root" dpkg --purge ipipbpf >&2
find . ! -type d -printf '%P\\n'
"""
INSTALL_AND_USE = """
export DEBIAN_FRONTEND=noninteractive
dpkg -i /tmp/package.deb
rm /tmp/package.deb
ipipbpf -V
man -w ipipbpf
ipipbpf attach eth0
ipipbpf peer add eth0 remote 172.16.16.1
ipipbpf -j show | grep '"remote":"172.16.16.1"'
ipipbpf detach eth0
"""


def run(*words, **options):
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}"
    return done.stdout


def files_below(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}


def test_uninstall_takes_away_all_that_install_put_there(tmp_path):
    run("make", "install", f"DESTDIR={tmp_path}", "PREFIX=/usr")
    assert files_below(tmp_path) == {*(f"usr/{name}" for name in FILES), "usr/lib/systemd/system/ipipbpf@.service"}
    run("make", "uninstall", f"DESTDIR={tmp_path}", "PREFIX=/usr")
    assert files_below(tmp_path) == set()


@pytest.fixture(scope="module")
def package():
    run("make", "deb")
    made, = (ROOT / "build/deb").glob("ipipbpf_*.deb")
    return made


def test_the_package_has_the_version_of_the_program(package):
    assert run("dpkg-deb", "--field", package, "Version").strip() == VERSION


def test_lintian_finds_nothing_to_say(tmp_path, package):
    changes, = package.parent.glob("*.changes")
    # It leaves databases behind where its temporary files are.
    assert run("lintian", "--allow-root", "--profile", "debian", "--pedantic", "--display-info",
               "--fail-on", "pedantic", changes, env={**os.environ, "TMPDIR": str(tmp_path)}) == ""


def test_it_installs_and_runs_and_after_a_purge_nothing_is_left(tmp_path, package):
    output = run("unshare", "--mount", "--net", "sh", "-c", IN_OVERLAY, "sh", tmp_path, package, INSTALL_AND_USE)
    installed, left = ({name for name in part.splitlines() if name and not name.startswith(DPKG_OWN)}
                       for part in output.split("purged\n"))
    assert left == set()
    assert {name.removesuffix(".gz") for name in installed} == {
        *(f"usr/{name}" for name in FILES), *HOOKS, "usr/lib/systemd/system/ipipbpf@.service",
        "usr/share/lintian/overrides/ipipbpf", *(f"usr/share/doc/ipipbpf/{name}" for name in DOCUMENTS)}
