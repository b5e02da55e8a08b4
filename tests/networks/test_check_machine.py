# SPDX-License-Identifier: GPL-2.0-only
"""What `check` says of the machine, of pins, and of devices before they are attached."""
import os
import subprocess

import pytest

from .checking import check, follow, run_command
from .program import End, bpffs, pin_name, remove_pins
from .strangers import pin_array, pin_program
from .topology import cable


def in_a_bridge(host):
    host.ip("link add br0 type bridge", "link set eth0 master br0")


def without_address(host):
    host.ip("addr flush dev eth0")


def neighbour_of_others(host):
    host.ip("neigh add 169.254.4.4 lladdr 02:00:00:00:00:77 dev eth0")


def down(host):
    host.ip("link set eth0 down")


@pytest.mark.parametrize("change, about, works, words", (
    (in_a_bridge, "attach", False, "is in the bridge br0"),
    (without_address, "attach", False, "no global IPv4 address"),
    (neighbour_of_others, "attach", False, "169.254.4.4"),
    (down, "device", True, "is down"),
), ids=lambda value: getattr(value, "__name__", ""))
def test_what_attach_would_refuse_is_told_before(host, change, about, works, words):
    end = End(host)
    change(host)
    found = check(end)
    assert found.status == 2 and words in found.what(about)
    assert (end.command("attach", "eth0").returncode == 0) == works


@pytest.mark.parametrize("change", (neighbour_of_others, down), ids=lambda change: change.__name__)
def test_after_the_command_attach_works(host, change):
    end = End(host)
    change(host)
    assert len(follow(end)) == 1
    end.attach()
    assert check(end).in_the_way == []


@pytest.mark.parametrize("device", ("eth7", "lo"))
def test_a_device_that_cannot_be_attached(host, device):
    found = check(End(host, device))
    assert found.status == 2 and device in found.what("attach")


def folder(name):
    path = os.path.join(bpffs(), "ipipbpf", name)
    os.makedirs(path, exist_ok=True)
    return path


@pytest.fixture
def orphan(network):
    """What a host left pinned whose namespace is gone; the other host is there."""
    gone, left = network.host("gone"), network.host("left")
    cable(gone, "eth0 10.1.1.1/24", left, "eth0 10.1.1.2/24")
    End(gone).attach()
    pins = End(gone).pins
    gone.delete()
    assert os.path.isdir(pins)
    return End(left), pins


def of_folder(found, path):
    return [line for line in found.of("pins") if path in line["what"]]


def test_pins_of_a_namespace_that_is_gone(orphan):
    end, pins = orphan
    line, = of_folder(check(end, device=False), pins)
    assert line["severity"] == "warning" and "detach eth0" in line["command"]
    run_command(line)
    assert not os.path.exists(pins) and not of_folder(check(end, device=False), pins)


def test_fix_takes_dead_pins_away(orphan):
    end, pins = orphan
    line, = of_folder(check(end, "--fix", device=False), pins)
    assert line["severity"] == "fixed" and not os.path.exists(pins)


def test_pins_of_a_living_namespace_are_no_orphans(network, tunnel):
    """Even if it has lost its name."""
    end, other = tunnel.ends
    host = network.host("other")
    cable(host, "eth0 10.1.1.1/24", network.host("another"), "eth0 10.1.1.2/24")
    assert not of_folder(check(End(host), device=False), end.pins)


def test_an_empty_folder_and_a_strange_one(host):
    end = End(host)
    empty, strange = (folder(f"{pin_name(host.name)}:{device}") for device in ("eth5", "eth6"))
    pin_program(f"{strange}/prog")
    found = check(end, device=False)
    assert [len(of_folder(found, path)) for path in (empty, strange)] == [1, 1] and found.status == 1
    found = check(end, "--fix", device=False)
    assert not os.path.exists(empty) and of_folder(found, empty)[0]["severity"] == "fixed"
    run_command(of_folder(found, strange)[0])
    assert not of_folder(check(end, device=False), strange)
    remove_pins(host)


def test_an_attachment_of_another_layout(host):
    end = End(host)
    pin_array(os.path.join(folder(os.path.basename(end.pins)), "meta"), (99).to_bytes(4, "little") + bytes(60))
    found = check(end)
    assert found.status == 2 and "layout 99" in found.what("pins")
    remove_pins(host)


def with_jit(path, end, *words):
    """`check` with another file in the place of net.core.bpf_jit_enable."""
    mount = f"mount --bind {path} /proc/sys/net/core/bpf_jit_enable && exec \"$@\""
    return check(end, *words, prefix=("unshare", "-m", "sh", "-c", mount, "sh"))


def test_a_jit_that_is_off(host, tmp_path):
    end, setting = End(host), tmp_path / "jit"
    setting.write_text("1\n")
    assert with_jit(setting, end).status == 0
    setting.write_text("0\n")
    found = with_jit(setting, end)
    assert found.status == 1 and found.of("jit")[0]["command"] == "sysctl -w net.core.bpf_jit_enable=1"
    assert with_jit(setting, end, "--fix").fixed and setting.read_text() == "1\n"
    assert with_jit(setting, end).status == 0


def test_large_receive_offload(host, tmp_path):
    """No device here has it: what the kernel would say of one is said in its place."""
    source, library = tmp_path / "lro.c", tmp_path / "lro.so"
    source.write_text("""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <linux/ethtool.h>
        #include <linux/sockios.h>
        #include <net/if.h>
        int ioctl(int file, unsigned long request, void *argument)
        {
            struct ethtool_value *value;
            if (request != SIOCETHTOOL)
                return ((int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl"))(file, request, argument);
            value = (void *)((struct ifreq *)argument)->ifr_data;
            value->data = ETH_FLAG_LRO;
            return value->cmd == ETHTOOL_GFLAGS ? 0 : -1;
        }""")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    end = End(host)
    found = check(end, LD_PRELOAD=str(library), ASAN_OPTIONS="exitcode=99:verify_asan_link_order=0")
    assert found.status == 1 and found.of("offloads")[0]["command"].endswith("ethtool -K eth0 lro off")


def test_a_device_that_writes_no_checksums(host):
    end = End(host)
    host.run("ethtool", "-K", "eth0", "tx", "off")
    found = check(end)
    line, = found.in_the_way
    assert found.status == 1 and line["check"] == "offloads" and line["command"].endswith("ethtool -K eth0 tx on")
    run_command(line)
    assert check(end).status == 0
