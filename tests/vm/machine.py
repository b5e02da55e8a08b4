# SPDX-License-Identifier: GPL-2.0-only
"""One command in a virtual machine: the command's output as it comes, its exit status, the console where it died."""

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from images import make_ext4
from tsc import frequency_khz

REPOSITORY = Path(__file__).resolve().parents[2]
_TREE = ("build", "include", "tests")
# QEMU 7.2 leaves rubbish in the flags after some cmpxchg16b, of which a kernel that uses it sooner or later dies. The
# others take half of the speed: a fifth level of page tables, switches at each access to user memory, copies byte by
# byte (erms, fsrm), and vectors of which the emulator makes loops.
_CPU = "max,-cx16,-la57,-smap,-smep,-pku,-erms,-fsrm,-avx,-avx2"
# QEMU keeps what it translated by virtual address: where each program is at home at the same place, it starts four times
# as fast. The TSC is the host's on both CPUs, and HPET, which the kernel would take instead, is a device to ask; but told
# nothing, a kernel that is held up while it measures the TSC has a clock that runs several times too fast. Half of what
# the verifier does is to clear memory, if that must be done at every allocation.
_KERNEL = ("console=ttyS0 panic=-1 quiet loglevel=5 mitigations=off random.trust_cpu=on norandmaps tsc=reliable "
           "rcupdate.rcu_expedited=1 init_on_alloc=0")
# It has no terminal that would end it: it goes with the thread that began it, however that ends.
_NO_LONGER_THAN_US = ("setpriv", "--pdeathsig", "KILL", "--")
_CABLE = Path(__file__).with_name("cable")
# The driver takes a pair of queues for each CPU, and with XDP one more each.
_QUEUE_PAIRS = 4
_BOOTS = 3


class MachineError(Exception):
    """The machine ended without an exit status."""


class BootError(MachineError):
    """It died before the command began."""


def _copy_tree(command, directory):
    for name in _TREE:
        shutil.copytree(REPOSITORY / name, directory / name, symlinks=True,
                        ignore=shutil.ignore_patterns("*.d", "loader", "sanitized", "werror", "__pycache__")
                        if name == "build" else shutil.ignore_patterns("__pycache__"))
    (directory / ".command").write_text(command + "\n")


# One thread emulates all processors. With a thread each, one of them may translate kernel code while another changes it,
# and runs the old code for ever after: Linux 5.10 stood still in a breakpoint that had long been taken away. As the tests
# keep one processor busy, it costs a twentieth of the time.
_ACCELERATOR = ("-accel", "tcg,thread=single")
# One processor whose time is the number of instructions that it has run, 4 ns each: what it measures is the same however
# busy this machine is.
_COUNTED = (*_ACCELERATOR, "-smp", "1", "-icount", "shift=2,sleep=off")
_FAST = (*_ACCELERATOR, "-smp", "2")


@dataclass(frozen=True)
class Options:
    """counted: one processor whose clock counts instructions. pairs: (model, count) of network devices, of which each two
    are joined by a cable; their addresses are 52:54:00:00:PAIR:END, and nobody loads their driver. cards: two of
    virtio-net, with several queues and with offloads, on a cable of the host's; 02:00:00:00:00:01 and :02."""
    counted: bool = False
    pairs: tuple = ("", 0)
    cards: bool = False


def _pairs(model, count):
    for pair in range(count):
        for end in range(2):
            yield from ("-netdev", f"hubport,id=end{pair}-{end},hubid={pair}", "-device",
                        f"{model},netdev=end{pair}-{end},mac=52:54:00:00:{pair:02x}:{end:02x},romfile=")


def _cards():
    for number, tap in enumerate("ab", 1):
        yield from ("-netdev", f"tap,id={tap},ifname={tap},script=no,downscript=no,vnet_hdr=on,queues={_QUEUE_PAIRS}",
                    "-device", f"virtio-net-pci,netdev={tap},mac=02:00:00:00:00:{number:02},mq=on,"
                               f"vectors={2 * _QUEUE_PAIRS + 2},romfile=")


def _qemu(kernel, userland, tree, status, console, options):
    drives = ((userland, "on", "off"), (kernel.modules, "off", "on"), (tree, "on", "off"), (status, "off", "off"))
    clock, processors = ("", _COUNTED) if options.counted else (f" tsc_early_khz={frequency_khz()}", _FAST)
    words = ["qemu-system-x86_64", *processors, "-cpu", _CPU, "-m", "1024",
             "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none",
             "-serial", f"file:{console}", "-serial", "stdio",
             "-kernel", str(kernel.image), "-initrd", str(kernel.initramfs),
             "-append", _KERNEL + clock]
    for image, snapshot, readonly in drives:
        words += ["-drive", f"file={image},format=raw,if=virtio,cache=unsafe,snapshot={snapshot},readonly={readonly}"]
    words += _pairs(*options.pairs)
    return ["unshare", "--net", _CABLE, *words, *_cards()] if options.cards else words


def _follow(words, timeout, say):
    """Runs the machine and says each line of its command's output. Returns whether it had to be stopped."""
    late = threading.Event()
    with subprocess.Popen((*_NO_LONGER_THAN_US, *words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          errors="replace") as qemu:
        watch = threading.Timer(timeout, lambda: (late.set(), qemu.kill()))
        watch.start()
        try:
            for line in qemu.stdout:
                say(line.rstrip("\n"))
        finally:
            watch.cancel()
            qemu.kill()
    return late.is_set()


def _boot(kernel, userland, tree, directory, timeout, say, options):
    status, console = directory / "status", directory / "console"
    status.write_bytes(bytes(512))
    late = _follow(_qemu(kernel, userland, tree, status, console, options), timeout, say)
    word = status.read_bytes().split(b"\n")[0].strip(b"\0").decode("ascii")
    if word.isdigit():
        return int(word)
    reason = f"no end after {timeout} s" if late else "the machine died"
    raise (MachineError if word or late else BootError)(f"{kernel.name}: {reason}\n{console.read_text('latin-1')}")


def clean_up_on_sigterm():
    """SIGTERM ends this process as an exception does, so that the machine's files go too."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def run(kernel, userland, command, timeout, say=lambda line: print(line, flush=True), options=Options()):
    """Runs the shell COMMAND in /ipipbpf of the machine and says its output. Returns its exit status."""
    with tempfile.TemporaryDirectory(prefix="ipipbpf-vm-") as name:
        directory = Path(name)
        (directory / "tree").mkdir()
        _copy_tree(command, directory / "tree")
        make_ext4(directory / "tree", directory / "tree.ext4")
        for attempt in range(1, _BOOTS + 1):
            try:
                return _boot(kernel, userland, directory / "tree.ext4", directory, timeout, say, options)
            except BootError as error:
                if attempt == _BOOTS:
                    raise
                say(f"the machine died before it had started, and boots again: {str(error).strip().splitlines()[-1]}")
