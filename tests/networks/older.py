# SPDX-License-Identifier: GPL-2.0-only
"""An attachment as the version with layout 1 of the maps made it, without that version.

layout1/ has its programs, as `make` built them at commit 54e581170289 and `xz -9e` made them small. What its loader did
with them is written out here: maps, links and their pins, `meta`, the neighbour, the setting of lo, routes.
"""
import ctypes
import json
import lzma
import os
import pathlib
import struct
import subprocess
import tempfile

from programs import bpf

from .program import End, bpffs
from .snapshot import tcx
from .strangers import (ATTACH_TCX_EGRESS, ATTACH_TCX_INGRESS, ATTACH_XDP, LINK_CREATE, MAP_CREATE, MAP_UPDATE_ELEM,
                        XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE, bpf_call, pin)
from .topology import A, INNER_A

FOLDER = pathlib.Path(__file__).with_name("layout1")
# layout, ifindex, cookie, local, src, 16 bytes of options, mtu, mtu_expires, icmp_rate, what was reserved.
META = struct.Struct("=IIQ4s4s8s8sIIII")
PINS = {"meta", "prefixes", "peers", "verdicts", "peer_counters", "identification", "paths", "paths_until", "routes",
        "peer_src"}
# Of the maps that no program uses: entries, bytes of key and value. Hashes, not preallocated.
LOADERS = {"routes": (1_048_576, 8, 4), "peer_src": (65_536, 4, 4)}
MAP_TYPE_HASH, NO_PREALLOC = 1, 1
MODES = {"native": 1, "skb": 2, "tc": 3}
HOOK_XDP, HOOK_TC = 1, 2
MADE_NEIGHBOUR, MADE_CLSACT, MADE_LO_FORWARDING = 1, 2, 4
HAS_TCX = bpf.KERNEL >= (6, 6)
SO_NETNS_COOKIE = 71
ROUTE = "via 169.254.4.4 dev eth0 onlink proto 94 src {} mtu 1480"


def _bytes(address):
    return bytes(map(int, address.split(".")))


def _load(directory, name, share=None):
    path = pathlib.Path(directory) / name
    path.write_bytes(lzma.decompress((FOLDER / f"{name}.xz").read_bytes()))
    return bpf.Object(path, {"features": bytes([14, bpf.KERNEL >= (5, 18), bpf.KERNEL >= (6, 3), 0])}, share)


def _update(descriptor, key, value):
    buffers = [ctypes.create_string_buffer(data, len(data)) for data in (key, value)]
    bpf_call(MAP_UPDATE_ELEM, struct.pack("<IIQQQ", descriptor, 0, *map(ctypes.addressof, buffers), 0))


class Older(End):
    """A's eth0, attached by the older version; with its peers and prefixes, each with its route."""

    def __init__(self, namespace, mode, peers):
        super().__init__(namespace)
        self._index = namespace.ip_json("link", "show", "dev", "eth0")[0]["ifindex"]
        self._mode = mode
        os.makedirs(self.pins)
        with tempfile.TemporaryDirectory() as directory:
            tc = _load(directory, "tc.bpf.o")
            xdp = _load(directory, "xdp.bpf.o", share=tc.maps)
        maps = {name: tc.maps[name].fd for name in PINS - LOADERS.keys()}
        maps |= {name: bpf_call(MAP_CREATE, struct.pack("<IIIII", MAP_TYPE_HASH, key, value, entries, NO_PREALLOC))
                 for name, (entries, key, value) in LOADERS.items()}
        self.meta = self._meta()
        _update(maps["meta"], bytes(4), self.meta)
        for name, descriptor in maps.items():
            pin(descriptor, f"{self.pins}/{name}")
        self._surroundings()
        self._peers(maps, peers)
        self._programs(tc, xdp)
        for name in LOADERS:
            os.close(maps[name])
        xdp.close()
        tc.close()

    def _meta(self):
        hook = HOOK_TC if self._mode == "tc" else HOOK_XDP
        made = MADE_NEIGHBOUR | MADE_LO_FORWARDING | (0 if HAS_TCX else MADE_CLSACT)
        with self.namespace.socket() as socket:
            cookie = socket.getsockopt(1, SO_NETNS_COOKIE, 8) if bpf.KERNEL >= (5, 14) else struct.pack(
                "=Q", os.stat(f"/run/netns/{self.namespace.name}").st_ino)
        # ttl, tos, their modes, df, rpf, monitor, ecn; plain, fragments, routes, local_auto, mode, mode_used, hook, made.
        return META.pack(1, self._index, *struct.unpack("=Q", cookie), _bytes(A), _bytes(INNER_A),
                         bytes([0, 0, 1, 1, 1, 1, 2, 1]),
                         bytes([0, 1, 1, 1, MODES[self._mode], MODES[self._mode], hook, made]), 1500, 300, 77, 0)

    def _surroundings(self):
        self.namespace.ip("neigh add 169.254.4.4 lladdr 02:00:00:00:04:04 nud permanent dev eth0")
        self.namespace.sysctl("net.ipv4.conf.lo.forwarding", 1)

    def _peers(self, maps, peers):
        for remote, prefixes in peers.items():
            _update(maps["peers"], _bytes(remote), bytes(32))
            for prefix in prefixes:
                address, length = prefix.split("/")
                key = struct.pack("=I", int(length)) + _bytes(address)
                _update(maps["routes"], key, bytes(4))
                _update(maps["prefixes"], key, _bytes(remote) + bytes(4))
                self.namespace.ip(f"route add {prefix} {ROUTE.format(INNER_A)}")

    def _programs(self, tc, xdp):
        self._at_tc("link_encap", tc.program("encap").fd, ATTACH_TCX_EGRESS, "egress")
        self._at_tc("link_decap", tc.program("decap_tc").fd, ATTACH_TCX_INGRESS, "ingress")
        if self._mode != "tc":
            self._link("link_xdp", xdp.program("decap_xdp").fd, ATTACH_XDP,
                       XDP_FLAGS_DRV_MODE if self._mode == "native" else XDP_FLAGS_SKB_MODE)

    def _link(self, name, program, hook, flags=0):
        with self.namespace.entered():
            link = bpf_call(LINK_CREATE, struct.pack("<IIII", program, self._index, hook, flags))
        pin(link, f"{self.pins}/{name}")
        os.close(link)

    def _at_tc(self, name, program, hook, side):
        if HAS_TCX:
            self._link(name, program, hook)
            return
        path = f"{bpffs()}/{name}"
        pin(program, path)
        self.namespace.run("tc", "qdisc", "add", "dev", "eth0", "clsact", check=False)
        self.namespace.run("tc", "filter", "add", "dev", "eth0", side, "handle", "4", "pref", "4", "bpf", "da",
                           "object-pinned", path)
        os.unlink(path)


def value(end, table="meta"):
    """The one value of a pinned array, as bytes."""
    entry, = end.dump(table)
    return bytes(int(number, 16) for number in entry["value"])


def _bpftool(*words):
    return json.loads(subprocess.run(["bpftool", "-j", *words], capture_output=True, text=True, check=True).stdout)


def programs(end):
    """The ids of all programs on the end's device."""
    link, = end.namespace.ip_json("-d", "link", "show", "dev", end.device)
    on_tcx = [number for numbers in tcx(end.namespace, end.device).values() for number in numbers]
    filters = [json.loads(end.namespace.run("tc", "-j", "filter", "show", "dev", end.device, side).strip() or "[]")
               for side in ("ingress", "egress")]
    on_clsact = [entry["options"]["prog"]["id"] for side in filters for entry in side if "options" in entry]
    return [*on_tcx, *on_clsact, *([link["xdp"]["prog"]["id"]] if "xdp" in link else [])]


def use_the_pinned_meta(end):
    """Whether all programs on the end's device are of this attachment, as every version finds its own."""
    number = _bpftool("map", "show", "pinned", f"{end.pins}/meta")["id"]
    return all(number in _bpftool("prog", "show", "id", str(program))["map_ids"] for program in programs(end))
