"""What dockerd changes in the kernel's network and leaves behind: put back as it was.

Only what it made is removed (rules that name its chains or bridges); rules of others stay.
"""

import shlex
from pathlib import Path
from typing import Final

from deploy.shell import attempt

FORWARDING: Final = Path("/proc/sys/net/ipv4/ip_forward")
BRIDGE: Final = "docker0"
TABLES: Final = ("filter", "nat")
_OWN: Final = ("DOCKER", BRIDGE)


def remember(folder: Path) -> None:
    """Writes down what `restore` has to put back."""
    (folder / "ip_forward").write_text(FORWARDING.read_text())
    rules = attempt(["iptables", "-S", "FORWARD"]).stdout.decode()
    policy = rules.split()[2] if rules.startswith("-P FORWARD") else "ACCEPT"
    (folder / "policy").write_text(policy)
    links = attempt(["ip", "link", "show", BRIDGE])
    (folder / "bridge").write_text("there" if links.returncode == 0 else "absent")


def restore(folder: Path) -> None:
    """Removes the daemon's rules, chains and bridge."""
    if (folder / "bridge").read_text() == "there":
        return  # another daemon's: its rules are like ours, and in use
    for table in TABLES:
        saved = attempt(["iptables-save", "-t", table]).stdout.decode().splitlines()
        for rule in saved:
            if rule.startswith("-A") and any(name in rule for name in _OWN):
                attempt(["iptables", "-t", table, "-D", *shlex.split(rule)[1:]])
        for line in saved:
            if line.startswith(":DOCKER"):
                attempt(["iptables", "-t", table, "-X", line[1:].split()[0]])
    attempt(["iptables", "-P", "FORWARD", (folder / "policy").read_text()])
    attempt(["ip", "link", "delete", BRIDGE])
    FORWARDING.write_text((folder / "ip_forward").read_text())
