# SPDX-License-Identifier: GPL-2.0-only
"""The lines that no probe looks at, and why what Linux ipip does there is not seen from outside."""

UNPROBED = {
    "6864-2": "only after 65,536 packets to each far end, from every CPU",
    "3704-4": "which of several routes would count is the kernel's routing, not the tunnel's",
    "8704-1": "routes between networks are a routing daemon's",
    "8704-2": "routes between networks are a routing daemon's",
    "8704-3": "routes between networks are a routing daemon's",
}
