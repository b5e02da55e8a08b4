# SPDX-License-Identifier: GPL-2.0-only
"""The programs of the virtual machine: packages of this machine's own release, so that what was built here runs there."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from archive import Suite, machine_codename, unpack
from cache import CACHE
from images import make_ext4

_PACKAGES = """
    base-files bash coreutils dash findutils gawk grep kmod mount procps sed util-linux
    bpftool ethtool iperf3 iproute2 iputils-ping iptables ncurses-base nftables strace tcpdump traceroute xdp-tools
    python3 python3-pyte python3-pytest python3-scapy libpcap0.8
""".split()
_MERGED = ("bin", "sbin", "lib", "lib64")
_MOUNT_POINTS = ("dev", "proc", "sys", "run", "tmp", "root", "ipipbpf", "usr/lib/modules")
# What the packages' own scripts, which do not run here, would choose.
_ALTERNATIVES = {"awk": "gawk", "traceroute": "traceroute.db"}
_USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n" \
    "tcpdump:x:100:100::/nonexistent:/bin/false\n"
_GROUPS = "root:x:0:\nnogroup:x:65534:\ntcpdump:x:100:\n"


def _libraries(binary):
    """The packages of the shared libraries that BINARY is linked with."""
    listed = subprocess.run(["ldd", binary], check=True, stdout=subprocess.PIPE, text=True).stdout
    # Packages may name a file by /lib what is looked up by /usr/lib: its last two parts are the same.
    paths = ["*/" + "/".join(Path(path).resolve().parts[-2:]) for path in re.findall(r"=> (/\S+)", listed)]
    owners = subprocess.run(["dpkg", "--search", *paths], check=True, stdout=subprocess.PIPE, text=True).stdout
    return sorted({line.split(":")[0] for line in owners.splitlines()})


def _lay_out(packages, root):
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in packages:
        unpack(package, root)
    for name in _MOUNT_POINTS:
        (root / name).mkdir(exist_ok=True)
    (root / "etc/passwd").write_text(_USERS)
    (root / "etc/group").write_text(_GROUPS)
    (root / "etc/hosts").write_text("127.0.0.1 localhost ipipbpf\n")
    for name, program in _ALTERNATIVES.items():
        (root / "usr/bin" / name).symlink_to(program)
    for name in ("usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(root / name, ignore_errors=True)


def _compile_python(root):
    """Under emulation the first import of each module would take seconds."""
    subprocess.run(["/usr/sbin/chroot", root, "/usr/bin/python3", "-m", "compileall", "-q", "/usr/lib/python3",
                    "/usr/lib/python3.11"], check=False, stdout=subprocess.DEVNULL)


def userland(binary, update=False):
    """The image with all that BINARY and the tests need, from the cache or made now."""
    packages = sorted({*_PACKAGES, *_libraries(binary)})
    key = hashlib.sha256("\n".join([machine_codename(), Path(__file__).read_text(), *packages]).encode()).hexdigest()
    image = CACHE / f"userland-{key[:12]}.ext4"
    if image.exists() and not update:
        return image
    suite = Suite(machine_codename())
    suite.update()
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        root = Path(name)
        _lay_out(suite.download_closure(packages), root)
        _compile_python(root)
        for old in CACHE.glob("userland-*.ext4"):
            old.unlink()
        make_ext4(root, image, spare=64 << 20)
    return image
