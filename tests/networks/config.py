# SPDX-License-Identifier: GPL-2.0-only
"""Configuration files for the tests, and what `apply` and `export` make of them."""
from .program import succeed


def peer(remote, *prefixes, **settings):
    """A [Peer] section."""
    return section("Peer", Remote=remote, **settings) + "".join(f"Prefixes = {prefix}\n" for prefix in prefixes)


def section(name, **settings):
    return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())


class File:
    """The file of an end's device."""

    def __init__(self, end, directory):
        self.end, self.path = end, directory / f"{end.device}.conf"

    def write(self, *sections):
        self.path.write_text("\n".join(sections))
        return self

    def apply(self, *options, **changes):
        """Runs `apply`, which must succeed; returns the warnings."""
        return succeed(self.end.command("apply", *options, str(self.path), **changes))

    def difference(self, **changes):
        """The lines of `apply --dry-run`."""
        done = self.end.command("apply", "--dry-run", str(self.path), **changes)
        succeed(done)
        return done.stdout.splitlines()


def export(end, **changes):
    """What `export` prints."""
    done = end.command("export", end.device, **changes)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout
