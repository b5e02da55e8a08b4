# SPDX-License-Identifier: GPL-2.0-only
"""A loader that is killed (SIGKILL) at any point: the next attach or detach ends right, and nothing is left."""
import random
import re
import signal
import subprocess
import tempfile
import time

import pytest

from pace import all_or, seconds

from .program import STRACE, End, environment, ipipbpf, plain_binary
from .snapshot import differences, state, without_ids
from .topology import A, B, INNER_A, INNER_B
from .traffic import ping
from .tunnels import carrying

# The system calls by which the loader changes anything. Killed before each of them, it has been killed everywhere.
CALLS = "bpf,sendto,sendmsg,write,mkdir,mkdirat,unlink,unlinkat,rmdir,rename,renameat2"
# strace does not name the netlink messages of a socket in another namespace: of their numbers, those that divided by
# four leave two only ask.
CHANGES = re.compile(r"BPF_(OBJ_PIN|LINK_CREATE|LINK_UPDATE|LINK_DETACH|PROG_ATTACH|PROG_DETACH|MAP_UPDATE\w*|"
                     r"MAP_DELETE\w*)|RTM_(NEW|SET|DEL)|nlmsg_type=0x\w*[01345789bcdf] |"
                     r"^(write|mkdir|unlink|rmdir|rename)")
# A write to a sysctl that finds the networking lock taken is made again by the kernel: another run may find it free.
RESTARTED = re.compile(r" = \? ERESTART")
PEER = ("peer", "add", "eth0", "remote", B, "prefix", INNER_B, "prefix", "10.7.0.0/16")
# More than find room where routes are recorded at first.
MANY = [word for number in range(1100) for word in ("prefix", f"10.{100 + (number >> 8)}.{number & 255}.0/24")]
RANDOM_KILLS, LONGEST_SECONDS = all_or(60, 15), seconds(0.06)


def moments(end, words):
    """Runs the command to its end; returns (system call, its how-manieth) before which to kill the next run."""
    with tempfile.NamedTemporaryFile("r") as log:
        done = end.command(*words, program=plain_binary(), prefix=(*STRACE, "-o", log.name, "-e", f"trace={CALLS}"))
        assert done.returncode == 0, done.stderr
        seen, chosen = {}, []
        for line in log.read().splitlines():
            text = line.split(maxsplit=1)[1]
            if RESTARTED.search(text) or not (call := re.match(r"(\w+)\(", text)):
                continue
            seen[call[1]] = seen.get(call[1], 0) + 1
            if CHANGES.search(text):
                chosen.append((call[1], seen[call[1]]))
    assert len(chosen) > 3, f"{words}: {chosen}"
    return all_or(chosen, chosen[::4])


def kill_at(end, words, call, number):
    inject = f"inject={call}:signal=SIGKILL:when={number}"
    done = end.command(*words, program=plain_binary(), prefix=(*STRACE, "-o", "/dev/null", "-e", f"trace={call}",
                                                              "-e", inject))
    assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), (call, number, done)


def make(end, *commands):
    for words in commands:
        done = end.command(*words, program=plain_binary())
        assert done.returncode == 0, (words, done.stderr)


def unmake(end):
    """Detach, which may find nothing to detach."""
    done = end.command("detach", "eth0", program=plain_binary())
    assert done.returncode == 0 or (done.returncode == 1 and "not attached" in done.stderr), done.stderr


def comparable(namespace):
    return without_ids(state(namespace))


def attach(mode):
    return ("attach", "eth0", "mode", mode, "src", INNER_A)


# What was there before, and the command that is killed; the last attach of a story makes it whole again.
STORIES = {
    "the first attach": ((), attach("native")),
    "attach over a running attachment": ((attach("native"), PEER), attach("native")),
    "attach that goes from tc to native": ((attach("tc"), PEER), attach("native")),
    "attach that goes from native to tc": ((attach("native"), PEER), attach("tc")),
    "peer add": ((attach("tc"),), PEER),
    "peer add of many prefixes": ((attach("tc"),), (*PEER, *MANY)),
    "peer del": ((attach("tc"), PEER), ("peer", "del", "eth0", "remote", B)),
    "peer set with other prefixes": ((attach("tc"), PEER), ("peer", "set", "eth0", "remote", B, "prefix", INNER_B,
                                                           "prefix", "10.9.0.0/16")),
    "detach": ((attach("native"), PEER), ("detach", "eth0")),
}


def mend(end, words, story):
    """What a user does next: attaches again, and says once more which peer there is to be."""
    make(end, words if words[0] == "attach" else story[0][0])
    if any(peer["remote"] == B for peer in end.show()["peers"]):
        make(end, ("peer", "set", *PEER[2:]))
    else:
        make(end, PEER)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_killed_at_any_point_of(two_hosts, story):
    setup, words = story
    a = End(two_hosts.a)
    before = comparable(two_hosts.a)
    mend(a, words, story)
    whole = comparable(two_hosts.a)
    unmake(a)
    make(a, *setup)
    chosen = moments(a, words)
    unmake(a)
    assert differences(before, comparable(two_hosts.a)) == []
    for number, (call, count) in enumerate(chosen):
        make(a, *setup)
        kill_at(a, words, call, count)
        if number % 2:
            mend(a, words, story)
            assert differences(whole, comparable(two_hosts.a)) == [], f"killed before {call} {count}, then attached"
        unmake(a)
        assert differences(before, comparable(two_hosts.a)) == [], f"killed before {call} {count}, then detached"


@pytest.mark.parametrize("mode", ("native", "tc"))
def test_killed_at_random_moments_it_ends_right(two_hosts, mode):
    chance = random.Random(f"killed {mode}")
    before = comparable(two_hosts.a)
    a, b = End(two_hosts.a), End(two_hosts.b)
    for _ in range(RANDOM_KILLS):
        words = chance.choice((attach(mode), PEER, ("peer", "del", "eth0", "remote", B), ("detach", "eth0")))
        with subprocess.Popen([plain_binary(), "-n", two_hosts.a.name, *words], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env=environment()) as process:
            time.sleep(chance.uniform(0, LONGEST_SECONDS))
            process.kill()
    mend(a, attach(mode), ())
    b.attach("mode", mode, "src", INNER_B)
    b.peer(A, "prefix", INNER_A)
    with carrying(two_hosts, a, b):
        assert ping(two_hosts.a, INNER_A, INNER_B) == []
    a.detach()
    b.detach()
    assert differences(before, comparable(two_hosts.a)) == []
    assert ipipbpf("-n", two_hosts.a.name, "-j", "show").stdout.strip() == "[]"
