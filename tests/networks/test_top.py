# SPDX-License-Identifier: GPL-2.0-only
"""`top` on a terminal: what it draws there, and in what state it leaves it."""
import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pyte
import pytest

from .program import End, binary, environment, ipipbpf
from .topology import B, INNER_A, INNER_B, TwoHosts
from .traffic import send_raw
from .tunnels import between_two_hosts
from .wire import ipv4_packet, udp_datagram

UDP = 17
IDLE = ("172.16.1.70", "172.16.1.50")
STRANGER = "10.9.9.9"
# Longer than several of its readings.
PATIENCE_SECONDS = 20
ALTERNATE_SCREEN_OFF = b"\x1b[?1049l"


@pytest.fixture(scope="module")
def hosts():
    """A with a tunnel to B, and two peers that never speak."""
    with TwoHosts() as network:
        network.ends = between_two_hosts(network, "tc")
        for remote in IDLE:
            network.ends[0].peer(remote)
        network.b.ip(f"addr add {STRANGER}/32 dev lo")
        yield network


class Terminal:
    """A terminal on which a program runs, and its screen."""

    def __init__(self, words, lines, columns, **variables):
        self.master, self.slave = pty.openpty()
        self.resize(lines, columns)
        self.before, self.output = termios.tcgetattr(self.slave), b""
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.process = subprocess.Popen([binary(), *words], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        env=environment(**{"TERM": "xterm-256color", **variables}),
                                        preexec_fn=self._control)

    def _control(self):
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def resize(self, lines, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys):
        os.write(self.master, keys)

    def read(self, seconds):
        """What the program writes within that time; False if it is none."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        new = os.read(self.master, 65536)
        self.output += new
        self._stream.feed(new)
        return True

    def wait_for(self, condition):
        """Follows the screen until the condition holds of its lines, which may come piece by piece."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition(self.screen.display):
            left = deadline - time.monotonic()
            assert left > 0 and self.read(left), "\n".join(self.screen.display)
        return self.screen.display

    def end(self):
        """Waits until the program has ended; returns its exit status."""
        status = self.process.wait(PATIENCE_SECONDS)
        while self.read(0):
            pass
        return status

    def color(self, line, column):
        return self.screen.buffer[line][column].fg

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@contextlib.contextmanager
def terminal(*words, lines=24, columns=80, **variables):
    made = Terminal(words, lines, columns, **variables)
    try:
        yield made
    finally:
        made.close()


def top(end, **options):
    return terminal("-n", end.namespace.name, "top", **options)


def peers(display):
    """The lines of the peers that are complete, each as its words."""
    lines = [line.split() for line in display]
    first = next((number for number, words in enumerate(lines) if words[:1] == ["all"]), None)
    if first is None:
        return []
    return [words for words in lines[first + 1:] if words[:1] == ["eth0"] and len(words) == 7]


def check_restored(shown):
    """The terminal is as it was, and so is what stood on it."""
    assert termios.tcgetattr(shown.slave) == shown.before
    assert ALTERNATE_SCREEN_OFF in shown.output


@pytest.fixture
def end(hosts):
    return hosts.ends[0]


def test_every_peer_has_its_line_and_q_quits(end):
    with top(end) as shown:
        display = shown.wait_for(lambda lines: len(peers(lines)) == 3)
        assert display[0].startswith("ipipbpf top ") and display[0].rstrip().endswith("q quits")
        assert peers(display) == [["eth0", remote, *["0"] * 5] for remote in (IDLE[1], B, IDLE[0])]
        shown.press(b"q")
        assert shown.end() == 0
        check_restored(shown)


def send(namespace, source, target, count=10):
    for _ in range(count):
        send_raw(namespace, ipv4_packet(source, target, UDP, udp_datagram(1, 9)))


def is_rate_of_ten(words):
    """Of B, ten packets of 28 bytes; also where they fell into two seconds the bits are 224 times the packets."""
    bits = float(words[3].rstrip("k")) * (1000 if words[3].endswith("k") else 1)
    return words[1] == B and 0 < float(words[2]) <= 10 and bits == pytest.approx(224 * float(words[2]), rel=0.1)


def test_the_busiest_comes_first_with_its_packets_and_bits(hosts, end):
    with top(end) as shown:
        shown.wait_for(lambda lines: len(peers(lines)) == 3)
        send(hosts.a, INNER_A, INNER_B)
        shown.wait_for(lambda lines: is_rate_of_ten(peers(lines)[0]) and
                       [words[1:] for words in map(str.split, lines) if words[:1] == ["all"]] == [peers(lines)[0][2:]])


def row_of(shown, text):
    return next((number for number, line in enumerate(shown.screen.display) if text in line), 0)


def colors(shown):
    """Of B's drops, of its name, and of the reason."""
    return (shown.color(row_of(shown, f" {B} "), 76), shown.color(row_of(shown, f" {B} "), 20),
            shown.color(row_of(shown, "rpf_prefix"), 0))


def test_drops_are_red_and_their_reason_is_told(hosts, end):
    with top(end) as shown:
        shown.wait_for(lambda lines: len(peers(lines)) == 3)
        send(hosts.b, STRANGER, INNER_A)
        shown.wait_for(lambda lines: peers(lines)[0][1] == B and colors(shown) == ("red", "default", "red"))
        assert "inner source is in no prefix" in shown.screen.display[row_of(shown, "rpf_prefix")]
        shown.wait_for(lambda lines: peers(lines)[0][6] == "0" and colors(shown) == ("default",) * 3)


def test_without_colours_it_works_too(end):
    with terminal("-n", end.namespace.name, "top", TERM="vt100") as shown:
        shown.wait_for(lambda lines: len(peers(lines)) == 3)
        shown.press(b"q")
        assert shown.end() == 0
        assert termios.tcgetattr(shown.slave) == shown.before


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
def test_a_signal_ends_it_and_the_terminal_is_as_it_was(end, number):
    with top(end) as shown:
        shown.wait_for(lambda lines: len(peers(lines)) == 3)
        assert termios.tcgetattr(shown.slave) != shown.before
        shown.process.send_signal(number)
        assert shown.end() == 0
        check_restored(shown)


def test_control_c_ends_it(end):
    with top(end) as shown:
        shown.wait_for(lambda lines: len(peers(lines)) == 3)
        shown.press(b"\x03")
        assert shown.end() == 0
        check_restored(shown)


@pytest.mark.parametrize("lines, columns", ((24, 80), (4, 20), (1, 1), (60, 200)))
def test_it_keeps_to_its_window(hosts, end, lines, columns):
    send(hosts.b, STRANGER, INNER_A, 1)
    with top(end, lines=lines, columns=columns) as shown:
        shown.wait_for(lambda display: "ipipbpf top"[:columns] in display[0] or columns < 11)
        shown.press(b"q")
        assert shown.end() == 0


def test_it_follows_the_window(end):
    with top(end) as shown:
        shown.wait_for(lambda lines: len(peers(lines)) == 3)
        shown.screen.resize(10, 60)
        shown.resize(10, 60)
        shown.wait_for(lambda lines: lines[0].rstrip().endswith("q quits") and len(lines) == 10)
        shown.press(b"q")
        assert shown.end() == 0


def test_a_change_is_not_kept_waiting(end):
    """What holds the lock of a reader would stop every `peer add` for as long as somebody looks on."""
    with top(end) as shown:
        shown.wait_for(lambda lines: len(peers(lines)) == 3)
        end.peer("172.16.1.90")
        shown.wait_for(lambda lines: len(peers(lines)) == 4)
        end.do("peer del", "remote", "172.16.1.90")


def test_when_its_device_is_detached_the_reason_is_left_to_be_read(hosts):
    end = End(hosts.b)
    with terminal("-n", hosts.b.name, "top", "eth0") as shown:
        shown.wait_for(lambda lines: len(peers(lines)) == 1)
        end.detach()
        assert shown.end() == 1
        check_restored(shown)
        assert b"eth0 is not attached" in shown.output.split(ALTERNATE_SCREEN_OFF)[1]


def test_without_a_terminal_it_names_what_to_use(end):
    done = end.command("top")
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs a terminal" in done.stderr and "stats -w 1" in done.stderr


def test_on_a_terminal_that_nobody_knows_it_says_so(end):
    # ncurses loses some memory over it.
    with terminal("-n", end.namespace.name, "top", TERM="teapot", ASAN_OPTIONS="detect_leaks=0") as shown:
        assert shown.end() == 1
        assert b"'teapot' is not known here" in shown.output


def test_as_json_it_is_refused():
    done = ipipbpf("-j", "top")
    assert done.returncode == 2 and "-j stats -w 1" in done.stderr
