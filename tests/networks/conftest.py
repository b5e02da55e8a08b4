# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures for all the tests in this folder."""
from .fixtures import (joined, mode, network, no_pins_of_a_module_before, no_pins_of_a_test_before,  # noqa: F401
                       two_hosts)
