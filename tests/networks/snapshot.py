# SPDX-License-Identifier: GPL-2.0-only
"""The whole state that ipipbpf could change, as something to compare before and after."""
import ctypes
import json
import os
import re

from .program import bpffs

BPF_PROG_QUERY = 16
TCX = {"tcx ingress": 46, "tcx egress": 47}
SYS_BPF = 321 if os.uname().machine == "x86_64" else 280
MOST_PROGRAMS = 64
SETTINGS = ("conf", "neigh", "ip_forward")

_libc = ctypes.CDLL(None, use_errno=True)


class _Query(ctypes.Structure):
    """The part of union bpf_attr that BPF_PROG_QUERY reads and writes."""
    _fields_ = [("ifindex", ctypes.c_uint32), ("attach_type", ctypes.c_uint32), ("query_flags", ctypes.c_uint32),
                ("attach_flags", ctypes.c_uint32), ("ids", ctypes.c_uint64), ("count", ctypes.c_uint32),
                ("rest", ctypes.c_uint8 * 100)]


def _tcx_programs(ifindex, attach_type):
    """Ids of the programs on a tcx hook, or [] where the kernel has none; bpftool does not know tcx everywhere."""
    ids = (ctypes.c_uint32 * MOST_PROGRAMS)()
    query = _Query(ifindex=ifindex, attach_type=attach_type, ids=ctypes.addressof(ids), count=MOST_PROGRAMS)
    if _libc.syscall(SYS_BPF, BPF_PROG_QUERY, ctypes.byref(query), ctypes.sizeof(query)):
        return []
    return list(ids[:query.count])


def _tcx(namespace, index):
    with namespace.entered():
        return {name: _tcx_programs(index, attach_type) for name, attach_type in TCX.items()}


def tcx(namespace, device):
    """Program ids on the device's tcx hooks."""
    return _tcx(namespace, namespace.ip_json("link", "show", "dev", device)[0]["ifindex"])


def _answers(namespace, words, lines):
    """What `ip` or `tc` says to each line, asked all at once."""
    said = namespace.run(*words, "-json", "-batch", "-", input="\n".join(lines) + "\n").splitlines()
    assert len(said) == len(lines), f"{words}: {lines}: {said}"
    return [json.loads(line) for line in said]


def _settings(namespace):
    """Every setting under net.ipv4.conf and the like, with its path."""
    # Some cannot be read: grep's status says so, and nothing else.
    return sorted(namespace.run("grep", "-rs", ".", *(f"/proc/sys/net/ipv4/{name}" for name in SETTINGS),
                                check=False).splitlines())


def _lasting(neighbours):
    """Entries that do not come and go by themselves."""
    return [entry for entry in neighbours if {"PERMANENT"} & set(entry.get("state", ()))]


def _links(links):
    return [{key: value for key, value in link.items() if key not in ("num_rx_queues", "num_tx_queues")}
            for link in links]


def pinned():
    """Every path in the run's bpffs."""
    return sorted(os.path.join(folder, name) for folder, folders, files in os.walk(bpffs()) for name in folders + files)


def state(*namespaces):
    """Routes, addresses, neighbours, links, qdiscs, filters, programs, settings and pins; by what it is about."""
    seen = {"pinned": pinned()}
    for namespace in namespaces:
        routes, rules, addresses, neighbours, links = _answers(
            namespace, ("ip", "-details"), ("route show table all", "rule", "addr", "neigh show nud all", "link"))
        qdiscs, *filters = _answers(namespace, ("tc",), ("qdisc", *(
            f"filter show dev {link['ifname']} {side}" for link in links for side in ("ingress", "egress"))))
        seen[namespace.label] = {
            "routes": routes,
            "rules": rules,
            "addresses": [(link["ifname"], address) for link in addresses for address in link["addr_info"]],
            "neighbours": _lasting(neighbours),
            "links": _links(links),
            "qdiscs": qdiscs,
            "filters": filters,
            "bpftool": json.loads(namespace.run("bpftool", "-j", "net")),
            "tcx": {link["ifname"]: _tcx(namespace, link["ifindex"]) for link in links},
            "settings": _settings(namespace),
        }
    return seen


def without_ids(seen):
    """The state but for what differs from one attach to the next: ids of programs, which of its two names a pin has."""
    for key, here in seen.items():
        if key == "pinned":
            seen[key] = sorted(re.sub(r"(/program_\w+)2$", r"\1", path) for path in here)
            continue
        del here["bpftool"]
        here["tcx"] = {device: {hook: len(ids) for hook, ids in hooks.items()} for device, hooks in here["tcx"].items()}
        for entry in (entry for side in here["filters"] for entry in side if "prog" in entry.get("options", ())):
            # libbpf gives the filter the program's name and id.
            entry["options"].update(prog=entry["options"]["prog"]["name"], bpf_name="")
        for link in here["links"]:
            if "xdp" in link:
                link["xdp"] = link["xdp"]["mode"]
    return seen


def differences(before, after, path=""):
    """What differs between two states, as lines that a person can read."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [line for key in before | after
                for line in differences(before.get(key), after.get(key), f"{path}/{key}")]
    if before == after:
        return []
    if isinstance(before, list) and isinstance(after, list):
        return [f"{path}: gone: {item}" for item in before if item not in after] + [
            f"{path}: new: {item}" for item in after if item not in before] or [f"{path}: in another order"]
    return [f"{path}: {before} became {after}"]
