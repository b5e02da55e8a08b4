# SPDX-License-Identifier: GPL-2.0-only
"""ipipbpf.conf(5): its keys are those that the program takes, and its example is a file that can be applied."""
import pathlib
import re

import pytest

from networks.fixtures import two_hosts  # noqa: F401
from networks.program import End, succeed

SOURCE = (pathlib.Path(__file__).resolve().parent.parent / "man/ipipbpf.conf.5").read_text(encoding="utf-8")


def section(name):
    return SOURCE.split(f".SH [{name.upper()}]\n", 1)[1].split("\n.SH ", 1)[0]


def keys_of_page(name):
    """The keys of a section, behind each .TP."""
    lines = re.findall(r"^\.TP\n\.(?:B|BR) (.*)$", section(name), re.MULTILINE)
    return {key for line in lines for key in re.findall(r"\w+", line)}


@pytest.mark.parametrize("name", ("Attach", "Peer", "Bare"))
def test_the_keys_of_a_section_are_those_that_are_allowed(two_hosts, tmp_path, name):  # noqa: F811
    path = tmp_path / "eth0.conf"
    path.write_text(("" if name == "Attach" else "[Attach]\n") + f"[{name}]\nColour = blue\n")
    done = End(two_hosts.a).command("apply", "--dry-run", str(path))
    allowed = re.search(r"allowed in \[\w+\] are (.*)$", done.stderr, re.MULTILINE)[1]
    assert done.returncode == 1 and set(allowed.split(", ")) == keys_of_page(name)


def test_the_example_can_be_applied(two_hosts, tmp_path):  # noqa: F811
    path = tmp_path / "eth0.conf"
    path.write_text(SOURCE.split(".EX\n")[1].split(".EE\n")[0])
    two_hosts.a.ip("addr add 192.168.1.2/32 dev lo")
    end = End(two_hosts.a)
    succeed(end.command("apply", str(path)))
    shown = end.show()
    assert {peer["remote"]: [prefix["dst"] for prefix in peer["prefixes"]] for peer in shown["peers"]} == {
        "172.16.1.62": ["192.168.2.0/24", "192.168.3.0/24"], "172.16.1.63": ["10.0.0.0/8"]}
    assert shown["bare"] == ["10.1.0.0/16"]
