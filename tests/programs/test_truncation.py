# SPDX-License-Identifier: GPL-2.0-only
"""Every accepted packet, cut at every byte."""

import pytest
from scapy.compat import raw

from .attachment import refused_by_test_run
from .frames import TAGGINGS, arriving, icmp_error, inner, leaving, options, outer, tcp
from .ipv4 import with_checksum
from .tables import OFF, PLAIN_PASS
from .underlay import BEHIND_GATEWAY, DEV, LOCAL, MAC

HERE, THERE = "192.168.8.8", "192.168.1.9"
OURS = outer(inner(src=HERE, dst=THERE), remote=LOCAL, local=BEHIND_GATEWAY)

PACKETS = {
    "udp": outer(inner()), "tcp": outer(tcp(b"payload")), "outer options": outer(inner(), options=options(40)),
    "inner options": outer(inner(options=options(40))), "both options": outer(inner(options=options(12)),
                                                                              options=options(20)),
    "ecn": outer(inner(tos=2), tos=3), "icmp error": outer(icmp_error(inner(), src=BEHIND_GATEWAY)),
    "nested": outer(outer(inner(), remote=THERE, local=HERE)), "inner fragment": outer(inner(frag=3)),
    "trailer": outer(raw(inner()) + b"trailer"), "quote of ours": icmp_error(OURS, quote=48),
    "quote of ours behind options": icmp_error(OURS, quote=28, options=options(16)), "plain": inner(src="8.8.8.8"),
}
# What TC takes up of them beside tunnelled packets.
ERRORS = {"quote of ours": "error_relayed", "quote of ours behind options": "error_kept"}


def cuts(attachment, frame, **context):
    """Each beginning of a frame that a test run takes, and the whole; at least one must be cut in its headers."""
    taken = [frame[:length] for length in range(len(frame) + 1)
             if not refused_by_test_run(attachment.hook, frame[:length], **context)]
    assert len(taken) >= len(frame) - 38
    return taken


@pytest.mark.parametrize("tags", TAGGINGS.values(), ids=TAGGINGS)
@pytest.mark.parametrize("name", PACKETS)
def test_every_truncation_on_ingress(decap, name, tags):
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    frame = arriving(PACKETS[name], tags)
    judged = [decap.agree(cut).verdict for cut in cuts(decap, frame)]
    taken_up = ERRORS.get(name) if decap.hook == "tc" and not tags else None
    assert judged[-1] == (taken_up if PACKETS[name].proto != 4 else "decap_ok")
    assert "decap_ok" not in judged[:-1] and not set(judged[:-1]) - {None, "outer_bad", "plain_source"}


@pytest.mark.parametrize("tags", [TAGGINGS["vlan"], TAGGINGS["qinq"]], ids=["vlan", "qinq"])
def test_every_truncation_of_a_frame_with_its_tag_in_band(decap, tags):
    """As a truncated frame must look to TC where it is cut within its tags."""
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    frame = arriving(outer(inner()), tags)
    for cut in cuts(decap, frame, in_band=True)[:-1]:
        decap.agree(cut, in_band=True)


@pytest.mark.parametrize("name", ["udp", "inner options", "both options", "nested", "ecn"])
def test_every_truncation_of_the_inner_packet_in_a_sound_outer_one(decap, name):
    decap.peer(BEHIND_GATEWAY, rpf=OFF)
    packet = PACKETS[name]
    length = packet.ihl * 4 if packet.ihl else len(raw(packet)) - len(raw(packet.payload))
    payload = raw(packet.payload)
    for size in range(len(payload)):
        header = bytearray(raw(packet)[:length])
        header[2:4] = (length + size).to_bytes(2, "big")
        for trailer in (b"", payload[size:]):
            frame = arriving(with_checksum(bytes(header)) + payload[:size], trailer=trailer)
            assert decap.agree(frame).verdict == "inner_bad"


def test_every_truncation_of_what_is_not_taken_up_stays_as_it_is(decap):
    decap.device(plain=PLAIN_PASS)
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    for packet in (inner(), icmp_error(OURS, dst=HERE), outer(inner(), remote="192.0.2.99")):
        for cut in cuts(decap, arriving(packet)):
            assert decap.agree(cut).verdict in (None, "not_peer")


LEAVING = {"udp": inner(src=HERE, dst=THERE), "tcp": tcp(b"payload", src=HERE, dst=THERE),
           "options": inner(src=HERE, dst=THERE, options=options(40)), "fragment": inner(src=HERE, dst=THERE, frag=3),
           "nested": outer(inner(), remote=HERE, local=THERE)}


@pytest.mark.parametrize("tags", TAGGINGS.values(), ids=TAGGINGS)
@pytest.mark.parametrize("name", LEAVING)
def test_every_truncation_on_egress(encap, name, tags):
    """What a prefix holds never leaves DEV unwrapped, cut or not."""
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    frame = leaving(LEAVING[name], tags)
    judged = [encap.agree(cut).verdict for cut in cuts(encap, frame)]
    assert judged[-1] == ("tagged" if tags else "encap_ok")
    assert set(judged[:-1]) - {None} == {"tagged" if tags else "inner_bad"}


def test_every_truncation_of_our_own_wrapped_packets_stays_as_it_is(encap):
    encap.peer(BEHIND_GATEWAY, "0.0.0.0/0")
    for cut in cuts(encap, leaving(OURS)):
        assert encap.agree(cut).verdict is None


def test_frames_of_no_known_kind_stay_as_they_are_at_every_length(decap):
    decap.peer(BEHIND_GATEWAY, "0.0.0.0/0")
    link = bytes.fromhex((MAC[DEV] * 2).replace(":", ""))
    for kind in (b"\x08\x06", b"\x86\xdd", b"\x88\x47", b"\x00\x40", b"\x91\x00"):
        for length in range(60):
            frame = link + kind + raw(outer(inner()))[:length]
            if not refused_by_test_run(decap.hook, frame):
                assert decap.agree(frame).verdict is None
