# SPDX-License-Identifier: GPL-2.0-only
"""IP options, whatever is in them (RFC 791 3.1), and every header length.

Options are opaque: header lengths alone tell a tunnel how far they go. Those of the outer header belong to the way that
lies behind the packet, and go away with it. Those of the inner header are for the inner packet's destination and the
routers on its way to judge (RFC 1122 3.2.1.8, RFC 1812 5.3.13), and stay as they came, the broken ones too.
"""

import pytest
from scapy.compat import raw

from .frames import arriving, inner, leaving, outer, received, sent, told, wrapped
from .ipv4 import with_checksum
from .underlay import BEHIND_GATEWAY, GATEWAY, LOCAL

HERE, THERE = "192.168.8.8", "192.168.1.9"

CONTENTS = {
    "end of list": b"\0\0\0\0", "no operation": b"\x01" * 4, "something behind the end": b"\0\xff\x07\x83",
    "record route": b"\x07\x07\x04\0\0\0\0\0", "record route, full": b"\x07\x07\x08\x01\x02\x03\x04\0",
    "timestamp": b"\x44\x08\x05\0\0\0\0\0", "router alert": b"\x94\x04\0\0",
    "loose source route": b"\x83\x07\x04\xc0\xa8\x01\x07\0", "strict source route": b"\x89\x07\x04\xc0\xa8\x01\x07\0",
    "security": b"\x82\x0b" + bytes(10), "stream": b"\x88\x04\0\x07", "unknown": b"\x1e\x04\xab\xcd",
    "no number of all": b"\xff\x04\xff\xff",
    "length 0": b"\x07\0\x04\0", "length 1": b"\x07\x01\x04\0", "length 2, no pointer": b"\x07\x02\0\0",
    "beyond the header by 1": b"\x07\x05\x04\0", "beyond the header by far": b"\x44\xff\x05\0",
    "no length": b"\x01\x01\x01\x07", "pointer 0": b"\x07\x07\0\0\0\0\0\0", "pointer beyond": b"\x83\x07\xff\0\0\0\0\0",
    "two broken ones": b"\x07\0\x44\x01\x83\xff\0\0", "40 bytes, length 0": b"\x44\0" + b"\xff" * 38,
}
of_any_content = pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)


def with_options(packet, content):
    """A packet's bytes with options behind its first 20, and IHL, total length and checksum to match."""
    data = raw(packet)
    total = len(data) + len(content)
    header = bytes([0x45 + len(content) // 4, data[1]]) + total.to_bytes(2, "big") + data[4:20] + content
    return with_checksum(header) + data[20:]


def with_header_length(packet, words):
    """A packet's bytes with this IHL and a checksum over what it then is the header."""
    data = raw(packet)
    length = max(20, 4 * words)
    return with_checksum((bytes([0x40 | words]) + data[1:])[:length]) + data[length:]


@pytest.fixture
def from_peer(decap):
    """192.168.1.0/24 behind a peer."""
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return decap


@pytest.fixture
def to_peer(encap):
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return encap


def outgoing(**fields):
    return inner(src=HERE, dst=THERE, **fields)


@of_any_content
def test_outer_options_go_away_whatever_they_are(from_peer, content):
    from_peer.expect(arriving(with_options(outer(inner()), content)), "decap_ok", arriving(inner()), BEHIND_GATEWAY,
                     received(inner()))


@of_any_content
def test_inner_options_stay_whatever_they_are(from_peer, content):
    packet = with_options(inner(), content)
    from_peer.expect(arriving(outer(packet)), "decap_ok", arriving(packet), BEHIND_GATEWAY, received(packet))


@of_any_content
def test_options_of_both_headers_are_told_apart(from_peer, content):
    packet = with_options(inner(), content)
    from_peer.expect(arriving(with_options(outer(packet), content)), "decap_ok", arriving(packet), BEHIND_GATEWAY,
                     received(packet))


@of_any_content
def test_options_of_a_packet_to_wrap_stay_inside_whatever_they_are(to_peer, content):
    packet = with_options(outgoing(), content)
    to_peer.expect(leaving(packet), "encap_ok", wrapped(packet), BEHIND_GATEWAY, sent(packet))


@of_any_content
def test_options_of_a_quoted_packet_are_quoted_whatever_they_are(decap_tc, content):
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    packet = with_options(outgoing(), content)
    ours = outer(packet, remote=LOCAL, local=BEHIND_GATEWAY)
    error = told(GATEWAY, LOCAL, ours)
    decap_tc.expect(arriving(error), "error_relayed", arriving(told(GATEWAY, HERE, packet)))


# Every header length: 20 bytes and 0 to 10 words of options are legal, 0 to 4 words are no header

@pytest.mark.parametrize("outer_words", range(11))
def test_every_legal_length_of_both_headers(from_peer, outer_words):
    for inner_words in range(11):
        packet = with_options(inner(), b"\x07\0\x04\0" * inner_words)
        frame = arriving(with_options(outer(packet), b"\x44\xff\x05\0" * outer_words))
        from_peer.expect(frame, "decap_ok", arriving(packet), BEHIND_GATEWAY, received(packet))


@pytest.mark.parametrize("words", range(11))
def test_every_legal_length_of_a_packet_to_wrap(to_peer, words):
    packet = with_options(outgoing(), b"\x07\0\x04\0" * words)
    to_peer.expect(leaving(packet), "encap_ok", wrapped(packet), BEHIND_GATEWAY, sent(packet))


@pytest.mark.parametrize("words", range(5))
def test_a_header_of_less_than_five_words_is_none(from_peer, words):
    from_peer.expect(arriving(with_header_length(outer(inner()), words)), "outer_bad", peer=BEHIND_GATEWAY)
    from_peer.expect(arriving(outer(with_header_length(inner(), words))), "inner_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("words", range(5))
def test_a_packet_with_a_header_of_less_than_five_words_is_not_wrapped(to_peer, words):
    to_peer.expect(leaving(with_header_length(outgoing(), words)), "inner_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("words", range(6, 16))
def test_a_header_that_claims_more_than_the_packet_has_is_refused(from_peer, words):
    """Its total length is that of the bytes before the last word; more may lie behind, and be right as a checksum."""
    total = 4 * words - 1
    padded = inner(b"", len=total, dst=HERE) / bytes(60)
    from_peer.expect(arriving(outer(with_header_length(padded, words))), "inner_bad", peer=BEHIND_GATEWAY)
    from_peer.expect(arriving(with_header_length(outer(bytes(60), len=total), words)), "outer_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("words", range(6, 16))
def test_a_packet_whose_header_claims_more_than_it_has_is_not_wrapped(to_peer, words):
    packet = with_header_length(outgoing(payload=bytes(60), len=4 * words - 1), words)
    to_peer.expect(leaving(packet), "inner_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("words", range(6, 16))
def test_payload_may_pass_for_options_where_the_header_length_says_so(from_peer, words):
    """Nothing but IHL tells options from payload; what it says is taken, and the checksum decides."""
    packet = with_header_length(inner(bytes(range(60))), words)
    from_peer.expect(arriving(outer(packet)), "decap_ok", arriving(packet), BEHIND_GATEWAY, received(packet))
