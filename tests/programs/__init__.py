# SPDX-License-Identifier: GPL-2.0-only
"""Each program by itself, under BPF_PROG_TEST_RUN."""

import pytest

pytest.register_assert_rewrite("programs.attachment")
