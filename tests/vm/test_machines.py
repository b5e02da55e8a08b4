# SPDX-License-Identifier: GPL-2.0-only
"""The tests on other kernels, in virtual machines: what tests/vm/check runs, as one test for each kernel.

IPIPBPF_KERNELS names the kernels; without it, Debian 12's is the one.
"""
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

CHECK = Path(__file__).with_name("check")
KERNELS = os.environ.get("IPIPBPF_KERNELS", "6.1").split()


@pytest.fixture(scope="module")
def said(request):
    """What check says of each kernel, in a run for all of them, and on the terminal meanwhile."""
    words = [word for name in KERNELS for word in ("--kernel", name)]
    lines, capture = defaultdict(list), request.config.pluginmanager.getplugin("capturemanager")
    with subprocess.Popen([sys.executable, CHECK, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as check, capture.global_and_fixture_disabled():
        for line in check.stdout:
            name, _, text = line.rstrip().partition(" ")
            lines[name].append(text.strip())
            print(line.rstrip(), file=sys.stderr, flush=True)
    return lines


@pytest.mark.parametrize("name", KERNELS)
def test_all_passes_on_the_kernel(said, name):
    assert re.match(r"[1-9]\d* passed, 0 failed, ", said[name][-1]), "\n".join(said[name])
