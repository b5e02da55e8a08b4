# SPDX-License-Identifier: GPL-2.0-only
"""`stats openmetrics` as Prometheus' own reader judges it."""
import subprocess

import pytest

from networks.fixtures import network  # noqa: F401
from networks.program import End
from networks.topology import cable


def promtool(text):
    return subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)


def check_metrics(text):
    done = promtool(text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def metrics(end):
    done = end.command("stats", "openmetrics")
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def attached(network, device):  # noqa: F811
    """A host with a device of that name, attached, and a peer."""
    host = network.host("A")
    cable(host, "plain 10.5.0.1/24", network.host("B"), "eth0")
    host.run("ip", "link", "set", "plain", "name", device)
    end = End(host, device)
    end.attach()
    end.peer("10.5.0.2")
    return end


def test_promtool_finds_nothing_to_say(network):  # noqa: F811
    text = metrics(attached(network, "eth0"))
    check_metrics(text)
    assert promtool(text.replace("_total", "")).returncode == 3


@pytest.mark.parametrize("name, label", (('q"\\', 'q\\"\\\\'), ("z\udcff", "z%FF"), ("zürich", "zürich")))
def test_a_strange_device_name_is_a_label_that_can_be_read(network, name, label):  # noqa: F811
    text = metrics(attached(network, name))
    assert f'ipipbpf_peers{{device="{label}",' in text
    check_metrics(text)


def test_without_an_attachment_the_metrics_have_no_samples(network):  # noqa: F811
    text = metrics(End(network.host("A")))
    assert all(line.startswith("#") for line in text.splitlines())
    check_metrics(text)
