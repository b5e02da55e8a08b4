# SPDX-License-Identifier: GPL-2.0-only
"""Asks `explain`, writes files for it to read, and looks at everything that it must not move."""
import json
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


def _xdp_program(end):
    link, = end.namespace.ip_json("link", "show", "dev", end.device)
    return [link["xdp"]["prog"]["id"]] if "xdp" in link else []


def _bpftool(end, *words):
    return json.loads(end.namespace.run("bpftool", "-j", *map(str, words)))


def all_maps(end):
    """Every entry of every map that the programs on the device use or that is pinned for them; by the map's name."""
    programs = [number for side in tcx(end.namespace, end.device).values() for number in side] + _xdp_program(end)
    assert len(programs) >= 2
    ids = {number for program in programs for number in _bpftool(end, "prog", "show", "id", program)["map_ids"]}
    seen = {}
    for number in sorted(ids):
        seen[_bpftool(end, "map", "show", "id", number)["name"], number] = _bpftool(end, "map", "dump", "id", number)
    for name in ("routes", "peer_src"):
        seen[name] = end.dump(name)
    return seen
