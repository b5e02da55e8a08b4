# SPDX-License-Identifier: GPL-2.0-only
"""Asks `explain`, writes files for it to read, and looks at everything that it must not move."""
import json
import os
import struct

from .snapshot import tcx

ETHERNET, RAW_IP, LINUX_COOKED = 1, 101, 113
SNAP = 262144


def explain(end, *words, **options):
    """The explanations that `-j explain` prints."""
    done = end.command("-j", "explain", end.device, *words, **options)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return json.loads(done.stdout)


def explain_one(end, *words, **options):
    explained, = explain(end, *words, **options)
    return explained


def pcap(*frames, link_type=ETHERNET, lengths=()):
    """A pcap file as bytes. lengths: what the frames had before they were cut."""
    records = b""
    for number, frame in enumerate(frames):
        length = lengths[number] if lengths else len(frame)
        records += struct.pack("=4I", 1_700_000_000, 0, len(frame), length) + frame
    return struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAP, link_type) + records


def _block(kind, body):
    length = 12 + len(body)
    return struct.pack("=II", kind, length) + body + struct.pack("=I", length)


def pcapng(*frames, link_types=(ETHERNET,)):
    """A pcapng file as bytes, with an interface of each link type; the frames are the first's."""
    blocks = _block(0x0A0D0D0A, struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1))
    for link_type in link_types:
        blocks += _block(1, struct.pack("=HHI", link_type, 0, SNAP))
    for frame in frames:
        blocks += _block(6, struct.pack("=5I", 0, 0, 0, len(frame), len(frame)) + frame + bytes(-len(frame) % 4))
    return blocks


def _bpftool(end, *words):
    return json.loads(end.namespace.run("bpftool", "-j", *map(str, words)))


def program_at(end, side):
    """The id of our program at a TC hook of the device: on a tcx link, or before Linux 6.6 a filter's."""
    programs = tcx(end.namespace, end.device)[f"tcx {side}"]
    if not programs:
        filters = json.loads(end.namespace.run("tc", "-j", "filter", "show", "dev", end.device, side))
        programs = [entry["options"]["prog"]["id"] for entry in filters if "prog" in entry.get("options", ())]
    program, = programs
    return program


def all_maps(end):
    """Every entry of every map that is pinned for the device or that its TC programs use besides; by name."""
    seen = {name: end.dump(name) for name in os.listdir(end.pins) if not name.startswith("link_")}
    assert {"prefixes", "verdicts", "paths", "identification", "peer_src"} <= set(seen)
    for side in ("ingress", "egress"):
        for number in _bpftool(end, "prog", "show", "id", program_at(end, side))["map_ids"]:
            seen[_bpftool(end, "map", "show", "id", number)["name"], side] = _bpftool(end, "map", "dump", "id", number)
    assert ("icmp_full", "egress") in seen and ("answers", "egress") in seen
    return seen
