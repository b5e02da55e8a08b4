# SPDX-License-Identifier: GPL-2.0-only
"""What `check` says of the machine, of devices before they are attached, and of what lies around a tunnel."""
import os
import pty
import socket
import subprocess

import pytest

from .checking import SILENCE_SECONDS, check, flows, follow, nft, run_command
from .program import End, binary, bpffs, environment, pin_name, remove_pins
from .strangers import ATTACH_XDP, XDP_FLAGS_DRV_MODE, Stranger, pin_array, pin_program
from .topology import A, B, INNER_A, INNER_B, Gateways, Network, cable
from .traffic import ping, send_raw
from .tunnels import between_two_hosts
from .wire import PROTO_UDP, ipv4_packet, udp_datagram

ROUTER = "172.16.16.1"
SHARED = "192.168.7.1"


@pytest.fixture
def tunnel(two_hosts):
    two_hosts.ends = between_two_hosts(two_hosts, "auto")
    return two_hosts


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


def test_a_device_that_was_renamed(tunnel):
    end, _ = tunnel.ends
    tunnel.a.ip("link set eth0 down", "link set eth0 name eth1", "link set eth1 up")
    found = check(end)
    line, = found.of("attachment")
    assert found.status == 2 and line["command"].endswith("attach eth1")
    run_command(line)
    assert check(End(tunnel.a, "eth1")).in_the_way == []


def test_the_first_address_of_the_device_is_another_now(tunnel):
    end, _ = tunnel.ends
    tunnel.a.sysctl("net.ipv4.conf.all.promote_secondaries", 1)
    tunnel.a.ip("addr add 172.16.16.23/20 dev eth0", f"addr del {A}/20 dev eth0",
                f"route replace 172.16.0.0/20 via {ROUTER}")
    found = check(end)
    assert found.of("local")[0]["severity"] == "error" and found.status == 2
    assert [line["check"] for line in check(end, "--fix").fixed] == ["local"]
    assert end.show()["local"] == "172.16.16.23" and check(end).in_the_way == []


def test_fragments_for_the_stack_that_it_drops(tunnel):
    end, _ = tunnel.ends
    nft(tunnel.a, "table inet f { chain c { type filter hook input priority 0; meta l4proto 4 drop; } }")
    assert check(end).status == 0
    end.attach("fragments", "stack")
    assert [(line["check"], line["severity"]) for line in check(end).in_the_way] == [("firewall", "warning")]
    assert len(follow(end)) == 1


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


@pytest.fixture
def gateways():
    with Gateways() as network:
        a, b = End(network.a), End(network.b)
        a.attach("src", network.GATEWAY_A)
        b.attach("src", network.GATEWAY_B)
        a.peer(B, "prefix", "192.168.2.0/24")
        b.peer(A, "prefix", "192.168.1.0/24")
        network.ends = a, b
        yield network


def joined(network):
    """Whether the hosts behind the gateways reach each other."""
    return ping(network.lan_a, network.LAN_A, network.LAN_B, timeout=0.5) == []


@pytest.mark.parametrize("setting", ("net.ipv4.ip_forward", "net.ipv4.conf.eth0.forwarding",
                                     "net.ipv4.conf.lan0.forwarding"))
def test_a_gateway_that_does_not_forward(gateways, setting):
    end, _ = gateways.ends
    assert check(end).in_the_way == [] and joined(gateways)
    gateways.a.sysctl(setting, 0)
    assert "forwarding" in [line["check"] for line in check(end).in_the_way] and not joined(gateways)
    follow(end)
    assert joined(gateways)


def post(rules):
    return f"table ip nat {{ chain kube {{ meta mark and 0x4000 != 0x4000 return; masquerade; }} " \
           f"chain post {{ type nat hook postrouting priority 100; {rules}; }} }}"


@pytest.mark.parametrize("rules, loss", (
    ("oifname eth0 masquerade", True),
    ("ip saddr 192.168.1.0/24 oifname eth0 masquerade", True),
    ("ip saddr 192.168.0.0/16 ip daddr != 10.0.0.0/8 snat to 172.16.16.22", True),
    ("ip saddr 192.168.1.128/25 oifname eth0 masquerade", None),
    ("iifname lan0 oif eth0 counter masquerade random", True),
    ("ip daddr 192.168.2.0/24 accept; oifname eth0 masquerade", False),
    ("ip daddr { 10.0.0.0/8, 192.168.0.0/16 } return; oifname eth0 masquerade", False),
    ("oifname eth0 ip daddr != 192.168.0.0/16 masquerade", False),
    ("oifname != \"eth*\" masquerade", False),
    ("ip saddr 172.17.0.0/16 oifname != \"docker0\" masquerade", False),
    ("jump kube", False),
    ("ip protocol 4 masquerade", None),
))
def test_masquerade_is_told_where_it_takes_what_goes_into_the_tunnels(gateways, rules, loss):
    end, _ = gateways.ends
    nft(gateways.a, post(rules))
    told = [line["check"] for line in check(end).in_the_way]
    if loss is None:
        assert set(told) <= {"masquerade"}
        return
    assert told == (["masquerade"] if loss else []) and joined(gateways) != loss
    follow(end)
    assert joined(gateways)


@pytest.mark.parametrize("rules", (
    "type filter hook input priority 0; policy drop; ct state established,related accept; "
    "icmp type echo-request accept; tcp dport 22 accept",
    "type filter hook forward priority 0; policy drop; iifname eth0 oifname lan0 accept; iifname lan0 accept",
    "type filter hook input priority 0; policy drop; icmp type { echo-request, echo-reply } accept",
    "type filter hook prerouting priority 0; fib saddr . iif oif missing drop",
    "type filter hook prerouting priority 0; iifname != eth0 ip saddr 192.168.2.0/24 drop; meta nfproto ipv6 drop",
    "type filter hook input priority 0; ip protocol 4 drop",
    "type filter hook output priority 0; ip daddr 172.16.1.62 meta l4proto ipencap reject",
))
def test_rules_that_let_the_tunnel_be_are_no_finding(gateways, rules):
    end, _ = gateways.ends
    nft(gateways.a, f"table inet f {{ chain c {{ {rules}; }} }}")
    assert check(end).in_the_way == [] and joined(gateways)


def test_a_rule_against_ipip_that_does_no_harm_is_named_all_the_same(tunnel):
    end, _ = tunnel.ends
    tunnel.a.run("iptables-nft", "-A", "INPUT", "-p", "4", "-j", "DROP")
    found = check(end)
    assert found.status == 0 and "INPUT" in found.what("firewall") and flows(tunnel)


def test_an_input_that_drops_is_no_matter_to_a_gateway_that_forwards(gateways):
    end, _ = gateways.ends
    nft(gateways.a, "table inet f { chain c { type filter hook input priority 0; policy drop; "
                    "iifname != eth0 accept; } }")
    assert check(end).in_the_way == [] and joined(gateways)


@pytest.mark.parametrize("rules", ("type filter hook forward priority 0; policy drop; accept",
                                   "type filter hook postrouting priority 0; counter"))
def test_forward_on_passes_rules_by(gateways, rules):
    end, _ = gateways.ends
    nft(gateways.a, f"table inet f {{ chain c {{ {rules}; }} }}")
    assert check(end).in_the_way == []
    end.attach("forward", "on")
    line, = check(end).in_the_way
    assert (line["check"], line["severity"]) == ("firewall", "warning") and "forward on" in line["what"]
    assert len(follow(end)) == 1 and end.show()["forward"] is False and joined(gateways)


def test_forward_on_without_rules_is_well_unless_the_kernel_does_not_forward(gateways):
    end, _ = gateways.ends
    nft(gateways.a, "table inet f { chain c { type filter hook input priority 0; counter; } }")
    end.attach("forward", "on")
    assert check(end).in_the_way == []
    gateways.a.sysctl("net.ipv4.conf.eth0.forwarding", 0)
    assert [line["check"] for line in check(end).in_the_way] == ["forwarding"]
    assert len(follow(end)) == 1 and joined(gateways)


def test_spread_in_a_mode_that_has_none(tunnel):
    end, _ = tunnel.ends
    end.attach("spread", "on")
    assert [(line["check"], line["severity"]) for line in check(end).in_the_way] == [("xdp", "warning")]
    assert len(follow(end)) == 1 and flows(tunnel)


@pytest.fixture
def bridged():
    """Two hosts whose underlay device is a bridge with one port."""
    with Network() as network:
        network.a, network.b = network.host("A"), network.host("B")
        cable(network.a, "port", network.b, "port")
        ends = []
        for namespace, outer, inner in ((network.a, "10.1.1.1", INNER_A), (network.b, "10.1.1.2", INNER_B)):
            namespace.ip("link add br0 type bridge", "link set port master br0", "link set br0 up",
                         f"addr add {outer}/24 dev br0", f"addr add {inner}/32 dev lo")
            ends.append(End(namespace, "br0"))
            ends[-1].attach("src", inner)
        ends[0].peer("10.1.1.2", "prefix", INNER_B)
        ends[1].peer("10.1.1.1", "prefix", INNER_A)
        network.ends = ends
        yield network


@pytest.mark.parametrize("family, hook, rule", (
    ("bridge", "input", "ip protocol 4 drop"),
    ("bridge", "prerouting", "ip saddr 10.1.1.2 drop"),
    ("bridge", "output", "meta protocol ip ip protocol { 4, 47 } drop"),
    ("netdev", "ingress device port", "ip protocol ipencap drop"),
    ("netdev", "egress device port", "ip protocol ipencap drop"),
))
def test_rules_below_the_device_see_ipip(bridged, family, hook, rule):
    end, _ = bridged.ends
    assert check(end).in_the_way == [] and flows(bridged)
    nft(bridged.a, f"table {family} t {{ chain c {{ type filter hook {hook} priority 0; {rule}; }} }}")
    line, = check(end).in_the_way
    assert (line["check"], line["severity"]) == ("firewall", "error") and not flows(bridged, SILENCE_SECONDS)
    assert len(follow(end)) == 1 and flows(bridged)


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


def nothing(network, host):
    pass


def in_a_bridge(network, host):
    host.ip("link add br0 type bridge", "link set eth0 master br0")


def without_address(network, host):
    host.ip("addr flush dev eth0")


def neighbour_of_others(network, host):
    host.ip("neigh add 169.254.4.4 lladdr 02:00:00:00:00:77 dev eth0")


def down(network, host):
    host.ip("link set eth0 down")


@pytest.fixture
def host(network):
    """A host whose eth0 nothing is attached to."""
    made = network.host("alone")
    cable(made, "eth0 10.1.1.1/24", network.host("other"), "eth0 10.1.1.2/24")
    return made


@pytest.mark.parametrize("change, about, works, words", (
    (in_a_bridge, "attach", False, "is in the bridge br0"),
    (without_address, "attach", False, "no global IPv4 address"),
    (neighbour_of_others, "attach", False, "169.254.4.4"),
    (down, "device", True, "is down"),
), ids=lambda value: getattr(value, "__name__", ""))
def test_what_attach_would_refuse_is_told_before(network, host, change, about, works, words):
    end = End(host)
    change(network, host)
    found = check(end)
    assert found.status == 2 and words in found.what(about)
    assert (end.command("attach", "eth0").returncode == 0) == works


@pytest.mark.parametrize("change", (neighbour_of_others, down), ids=lambda change: change.__name__)
def test_after_the_command_attach_works(network, host, change):
    end = End(host)
    change(network, host)
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


def test_the_text_is_aligned_and_has_no_colour_in_a_pipe(tunnel):
    end, _ = tunnel.ends
    tunnel.a.sysctl("net.ipv4.conf.lo.forwarding", 0)
    done = end.command("check", "eth0")
    assert done.returncode == 2 and "\033" not in done.stdout
    lines = done.stdout.splitlines()
    assert "  error    attachment      sysctl net.ipv4.conf.lo.forwarding is missing" in lines
    assert f"                           mend: ipipbpf -n {tunnel.a.name} attach eth0" in lines
    assert all(line in ("machine", "eth0") or line.startswith("  ") for line in lines)


def test_on_a_terminal_the_severity_has_a_colour(host):
    master, slave = pty.openpty()
    done = subprocess.run([binary(), "-n", host.name, "check", "eth0"], stdout=slave, check=False,
                          env=environment(TERM="xterm", NO_COLOR=None))
    os.close(slave)
    printed = os.read(master, 1 << 16).decode()
    os.close(master)
    assert done.returncode == 0 and "\033[32mok" in printed and "\033[0m" in printed


def test_many_alike_are_counted_in_the_text_and_listed_in_json(tunnel):
    end, _ = tunnel.ends
    for number in range(1, 26):
        end.peer(f"172.16.2.{number}")
    tunnel.a.ip("route add blackhole 172.16.2.0/24")
    assert len(check(end).in_the_way) == 25
    text = end.command("check", "eth0").stdout
    assert text.count("blackhole 172.16.2.0/24'") == 10 and "and 15 more of these" in text


def test_what_is_wrong_with_the_words_is_status_2(host):
    for words in (("check", "--fox"), ("check", "eth0", "eth1")):
        done = End(host).command(*words)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and not done.stdout


def test_who_may_not_look_gets_status_2_and_a_line(host):
    done = End(host).command("check", prefix=("setpriv", "--bounding-set", "-all", "--inh-caps", "-all"))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and not done.stdout
