# SPDX-License-Identifier: GPL-2.0-only
"""The maps as people and the loader rely on them: type, room, sizes, names for bpftool."""

import ctypes
import os
import struct

import pytest

from . import attachment, bpf

HASH, ARRAY, PERCPU_HASH, PERCPU_ARRAY, LPM_TRIE, ARRAY_OF_MAPS = 1, 2, 5, 6, 11, 12
CPUMAP, DEVMAP_HASH = 16, 25
NO_PREALLOC, READ_ONLY_FOR_PROGRAMS, MMAPABLE = 1, 1 << 7, 1 << 10

# Type, bytes of a key, bytes of a value, entries, flags.
SHARED = {
    "meta": (ARRAY, 4, 64, 1, 0),
    "prefixes": (LPM_TRIE, 8, 8, 1_048_576, NO_PREALLOC),
    "peers": (HASH, 4, 32, 65_536, NO_PREALLOC),
    "verdicts": (PERCPU_ARRAY, 4, 8, 64, 0),
    "peer_counters": (PERCPU_HASH, 4, 48, 65_536, NO_PREALLOC),
    "listeners": (ARRAY, 4, 32, 1, MMAPABLE),
    "event_rings": (ARRAY_OF_MAPS, 4, 4, 4, 0),
    "event_drafts": (PERCPU_ARRAY, 4, 240, 1, 0),
    "generation": (ARRAY, 4, 8, 1, 0),
    "prefix_cache": (PERCPU_ARRAY, 4, 64, 8_192, 0),
}
SENDING = {"identification": (HASH, 8, 8, 65_536, NO_PREALLOC), "paths": (HASH, 4, 24, 65_536, NO_PREALLOC),
           "paths_until": (ARRAY, 4, 8, 1, 0), "icmp_full": (PERCPU_ARRAY, 4, 8, 1, 0)}
CPUS = os.sysconf("SC_NPROCESSORS_CONF")
MAPS = {"xdp": {**SHARED, **SENDING, "cpus": (CPUMAP, 4, 4, CPUS, 0), "next_hops": (PERCPU_ARRAY, 4, 8, 1024, 0),
                "devices": (DEVMAP_HASH, 4, 4, 1024, READ_ONLY_FOR_PROGRAMS)},
        "tc": {**SHARED, **SENDING, "answers": (PERCPU_ARRAY, 4, 1072, 1, 0)}}

_lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
# Places in the kernel's struct bpf_map_info.
_NAME, _KEY_TYPE, _SIZE = 24, 68, 88


@pytest.fixture(params=MAPS)
def program(request):
    return request.param


@pytest.fixture
def maps(program):
    """What the kernel tells of each map of one object, alone."""
    loaded = bpf.Object(attachment.BUILD / f"{program}.bpf.o", {})
    yield {name: _info(found) for name, found in loaded.maps.items() if "." not in name}
    loaded.close()


def _info(found):
    info, size = ctypes.create_string_buffer(_SIZE), ctypes.c_uint32(_SIZE)
    assert _lib.bpf_obj_get_info_by_fd(found.fd, info, ctypes.byref(size)) == 0
    return info.raw


def test_the_maps_are_as_the_contract_has_them(program, maps):
    told = {name: struct.unpack_from("=6I", info) for name, info in maps.items()}
    assert {name: (kind, *sizes) for name, (kind, _, *sizes) in told.items()} == MAPS[program]


def test_bpftool_can_name_the_maps_and_their_fields(maps):
    """The whole name, and types for key and value where the kernel takes them: not for maps of maps, devices, CPUs."""
    for name, info in maps.items():
        assert info[_NAME:_NAME + 16].rstrip(b"\0").decode() == name
        assert all(struct.unpack_from("=2I", info, _KEY_TYPE)) or name in ("event_rings", "devices", "cpus")
