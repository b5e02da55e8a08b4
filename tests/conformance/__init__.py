# SPDX-License-Identifier: GPL-2.0-only
"""What the standards require of an IPIP tunnel, one named test for each line of lines.py."""

import pytest

pytest.register_assert_rewrite("conformance.one_packet", "conformance.on_the_wire")
