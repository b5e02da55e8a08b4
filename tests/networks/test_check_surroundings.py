# SPDX-License-Identifier: GPL-2.0-only
"""What `check` says of a tunnel whose device, routes or settings changed, and of programs of others beside it."""
import os
import socket
import subprocess

import pytest

from .checking import SILENCE_SECONDS, check, flows, follow, run_command
from .config import export
from .program import End, counting
from .strangers import ATTACH_XDP, XDP_FLAGS_DRV_MODE, Stranger
from .topology import A, B, INNER_A, INNER_B, cable
from .traffic import ping, send_raw
from .tunnels import between_two_hosts
from .wire import PROTO_IPIP, PROTO_UDP, ipv4_packet, udp_datagram

ROUTER = "172.16.16.1"
SHARED = "192.168.7.1"


def arrives(hosts, source, target):
    """Whether a UDP packet that B sends into its tunnel gets to a socket of A's."""
    with hosts.a.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(0.3)
        receiver.bind((target, 9))
        send_raw(hosts.b, ipv4_packet(source, target, PROTO_UDP, udp_datagram(7, 9, b"here")))
        try:
            return receiver.recv(64) == b"here"
        except TimeoutError:
            return False


def test_a_device_that_is_down(tunnel):
    end, _ = tunnel.ends
    tunnel.a.ip("link set eth0 down")
    found = check(end)
    assert [line["check"] for line in found.in_the_way if line["severity"] == "error"][0] == "device"
    run_command(found.in_the_way[0])
    tunnel.a.ip(f"route add 172.16.0.0/20 via {ROUTER}")
    assert check(end).in_the_way == [] and flows(tunnel)


def test_a_device_without_carrier(tunnel):
    end, _ = tunnel.ends
    tunnel.router.ip("link set to-a down")
    found = check(end)
    assert found.status == 2 and "no carrier" in found.what("device")
    tunnel.router.ip("link set to-a up", "route replace 172.16.0.0/20 dev to-b")
    assert "no carrier" not in check(end).what("device")


def test_a_device_that_is_gone(tunnel):
    end, _ = tunnel.ends
    tunnel.a.ip("link del eth0")
    line, = check(end).in_the_way
    assert (line["check"], line["severity"]) == ("attachment", "error") and "detach eth0" in line["command"]
    run_command(line)
    assert not os.path.exists(end.pins)


def carrying_over(end, name):
    program = f"ipipbpf -n {end.namespace.name}"
    return f"{program} export eth0 >{name}.conf && {program} detach eth0 && {program} apply {name}.conf"


def test_a_device_that_was_renamed_keeps_its_peers_by_the_command(tunnel, tmp_path):
    end, _ = tunnel.ends
    end.attach("ttl", "64")
    end.peer("172.16.1.70", "tos", "8", "prefix", "10.1.0.0/16")
    end.do("prefix add", "10.9.1.0/24", "bare")
    said = export(end)
    tunnel.a.ip("link set eth0 down", "link set eth0 name eth1", "link set eth1 up",
                f"route add 172.16.0.0/20 via {ROUTER}")
    found = check(end)
    line, = found.of("attachment")
    assert found.status == 2 and line["command"] == carrying_over(end, "eth1") and export(end) == said
    run_command(line, tmp_path)
    renamed = End(tunnel.a, "eth1")
    assert check(renamed).in_the_way == [] and flows(tunnel)
    assert export(renamed) == said and not os.path.exists(end.pins)


def test_whoever_names_a_device_that_was_renamed_is_told_how_it_keeps_its_peers(tunnel):
    end, _ = tunnel.ends
    tunnel.a.ip("link set eth0 down", "link set eth0 name eth1", "link set eth1 up")
    sentence = f"'{carrying_over(end, 'eth1')}' carries all over but the counters\n"
    assert f"    it is called eth1 now: {sentence}" in end.command("show", "eth0").stdout
    for words in (("peer", "set", "eth0", "remote", B), ("attach", "eth1")):
        done = end.command(*words)
        assert (done.returncode, done.stderr) == (1, f"ipipbpf: eth0 was attached and is now called eth1: {sentence}")


def test_the_first_address_of_the_device_is_another_now(tunnel):
    end, _ = tunnel.ends
    tunnel.a.sysctl("net.ipv4.conf.all.promote_secondaries", 1)
    tunnel.a.ip("addr add 172.16.16.23/20 dev eth0", f"addr del {A}/20 dev eth0",
                f"route replace 172.16.0.0/20 via {ROUTER}")
    found = check(end)
    assert found.of("local")[0]["severity"] == "error" and found.status == 2
    assert [line["check"] for line in check(end, "--fix").fixed] == ["local"]
    assert end.show()["local"] == "172.16.16.23" and check(end).in_the_way == []


def test_no_route_to_a_peer(tunnel):
    """The gateway is for people to fill in."""
    end, _ = tunnel.ends
    tunnel.a.ip("route del 172.16.0.0/20")
    found = check(end)
    line, = found.in_the_way
    assert (line["check"], line["severity"]) == ("remote", "error") and not flows(tunnel, SILENCE_SECONDS)
    assert line["command"].endswith(f"route replace {B}/32 via GATEWAY dev eth0")
    run_command({"command": line["command"].replace("GATEWAY", ROUTER)})
    assert check(end).in_the_way == [] and flows(tunnel)


def test_a_next_hop_that_does_not_answer_until_it_does(tunnel):
    end, _ = tunnel.ends
    tunnel.router.ip("link set to-a arp off")
    tunnel.a.ip("neigh flush dev eth0")
    assert ping(tunnel.a, A, B, timeout=4) == [56]
    line, = check(end).in_the_way
    assert (line["check"], line["severity"]) == ("remote", "error") and ROUTER in line["what"]
    tunnel.router.ip("link set to-a arp on")
    run_command(line)
    assert check(end).in_the_way == [] and flows(tunnel)


def test_rp_filter_drops_what_the_reverse_path_check_would_let_in(tunnel):
    end, _ = tunnel.ends
    cable(tunnel.a, "lan0 10.1.0.1/24", tunnel.b, "lan9")
    end.attach("routes", "off", "rpf", "loose")
    tunnel.a.ip(f"route replace {INNER_B}/32 via 10.1.0.9 dev lan0 onlink")
    assert check(end).in_the_way == [] and arrives(tunnel, INNER_B, INNER_A)
    tunnel.a.sysctl("net.ipv4.conf.eth0.rp_filter", 1)
    line, = check(end).in_the_way
    assert (line["check"], line["severity"]) == ("rp_filter", "error") and not arrives(tunnel, INNER_B, INNER_A)
    assert len(follow(end)) == 1 and arrives(tunnel, INNER_B, INNER_A)


def test_an_address_that_both_ends_have(tunnel):
    """First our own check refuses it, then the kernel's."""
    end, other = tunnel.ends
    for namespace in (tunnel.a, tunnel.b):
        namespace.ip(f"addr add {SHARED}/32 dev lo")
    end.do("prefix add", f"{SHARED}/32", "remote", B)
    assert [line["check"] for line in check(end).in_the_way] == ["accept_local"]
    assert not arrives(tunnel, SHARED, INNER_A)
    commands = follow(end)
    assert len(commands) == 2 and "rpf off" in commands[0] and "accept_local=1" in commands[1]
    assert arrives(tunnel, SHARED, INNER_A)


def test_spread_in_a_mode_that_has_none(tunnel):
    end, _ = tunnel.ends
    end.attach("spread", "on")
    assert [(line["check"], line["severity"]) for line in check(end).in_the_way] == [("xdp", "warning")]
    assert len(follow(end)) == 1 and flows(tunnel)


def test_a_program_of_others_is_told_and_no_obstacle_to_mode_tc(tunnel):
    end, _ = tunnel.ends
    with Stranger(tunnel.a, "eth0", ATTACH_XDP, XDP_FLAGS_DRV_MODE):
        found = check(end)
        assert found.status == 0 and "somebody else's" in found.what("xdp")


def test_a_program_of_others_in_the_place_of_ours(two_hosts):
    end = between_two_hosts(two_hosts, "native")[0]
    os.unlink(f"{end.pins}/link_xdp")
    with Stranger(two_hosts.a, "eth0", ATTACH_XDP, XDP_FLAGS_DRV_MODE):
        found = check(end)
        assert found.status == 2 and "in the place" in found.what("xdp")
        follow(end)
    assert check(end).in_the_way == [] and flows(two_hosts)
    assert end.show()["xdp"] == "alone"


def vlan_device(namespace, lower, number):
    name = f"{lower}.{number}"
    namespace.ip(f"link add link {lower} name {name} type vlan id {number}", f"link set {name} up")
    return name


@pytest.mark.parametrize("xdp", ("native", "skb"))
def test_frames_of_a_vlan_device_whose_tag_xdp_does_not_see(two_hosts, xdp):
    """The router sends them to A's VLAN device with their tags beside them; their source is routed by that."""
    end = between_two_hosts(two_hosts, xdp)[0]
    end.do("prefix add", "10.44.0.0/16", "remote", B)
    assert check(end).in_the_way == []
    vlan_device(two_hosts.a, "eth0", 5)
    two_hosts.a.ip("route add 10.44.1.0/24 dev eth0.5")
    two_hosts.router.ip(f"addr add 172.16.200.1/32 dev {vlan_device(two_hosts.router, 'to-a', 5)}",
                        f"route add {A}/32 dev to-a.5",
                        f"neigh add {A} lladdr {two_hosts.a.address_of('eth0').hex(':')} dev to-a.5")
    packet = ipv4_packet(B, A, PROTO_IPIP, ipv4_packet("10.44.1.1", INNER_A, PROTO_UDP, udp_datagram(7, 9, b"here")))

    def verdicts():
        with counting(end) as count:
            send_raw(two_hosts.router, packet)
        return count.verdicts(end)

    line, = check(end).in_the_way
    assert (line["check"], line["severity"]) == ("offloads", "warning") and "(eth0.5)" in line["what"]
    assert verdicts() == {"rpf_route": 1}
    run_command(line)
    assert check(end).in_the_way == [] and verdicts() == {"decap_ok": 1}
    end.attach("mode", xdp)
    two_hosts.router.run("ethtool", "-K", "to-a", "txvlan", "off")
    assert "txvlan off" in check(end).of("offloads")[-1]["why"] and verdicts() == {"decap_ok": 1}


@pytest.fixture
def masked(tmp_path):
    """`check` that takes a veth for a network card, and a macvlan for a VLAN device, which not every kernel has."""
    source, library = tmp_path / "masks.c", tmp_path / "masks.so"
    source.write_text("""
        #include <libmnl/libmnl.h>
        #include <string.h>
        const char *mnl_attr_get_str(const struct nlattr *attribute)
        {
            const char *text = mnl_attr_get_payload(attribute);
            return !strcmp(text, "veth") ? "" : !strcmp(text, "macvlan") ? "vlan" : text;
        }""")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    preload = {"LD_PRELOAD": str(library), "ASAN_OPTIONS": "exitcode=99:verify_asan_link_order=0"}
    return lambda end: check(end, **preload)


@pytest.mark.parametrize("xdp", ("native", "skb"))
def test_a_network_card_that_takes_vlan_tags_off(two_hosts, masked, xdp):
    end = between_two_hosts(two_hosts, xdp)[0]
    assert masked(end).in_the_way == []
    two_hosts.a.ip("link add link eth0 name one type macvlan", "link add link eth0 name two type macvlan")
    line, = masked(end).in_the_way
    assert (line["check"], line["severity"]) == ("offloads", "warning") and "(one and 1 more)" in line["what"]
    assert line["command"].endswith("ethtool -K eth0 rxvlan off")
    run_command(line)
    assert masked(end).in_the_way == []


@pytest.mark.parametrize("words, told", (("rpf loose", False), ("rpf off spread on", True), ("rpf off forward on", True),
                                         ("mode tc", False)))
def test_vlans_of_a_network_card_are_told_of_where_they_matter(two_hosts, masked, words, told):
    end = between_two_hosts(two_hosts, "native")[0]
    two_hosts.a.ip("link add link eth0 name above type macvlan")
    end.attach(*words.split())
    assert ("rxvlan" in str([line["command"] for line in masked(end).in_the_way])) == told


def test_a_vlan_device_of_another_namespaces_device(two_hosts, masked):
    """Which has the number that eth0 has here."""
    end = between_two_hosts(two_hosts, "native")[0]
    eth0, far = (namespace.ip_json("link", "show", "dev", device)[0]["ifindex"]
                 for namespace, device in ((two_hosts.a, "eth0"), (two_hosts.router, "to-a")))
    assert eth0 == far
    two_hosts.router.ip(f"link add link to-a name above netns {two_hosts.a.name} type macvlan")
    assert masked(end).in_the_way == []
