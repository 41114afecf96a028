#!/usr/bin/env python3
"""Runs system tests against a built lossgazer.    run.py LOSSGAZER TEST...

TEST is a module of this folder (test_loss) or part of one (test_loss.Loss.test_egress). Ends with
77, for skipped, where network namespaces cannot be made, a tool is missing, or tests say so of
themselves and none is left.
"""

import os
import shutil
import signal
import sys
import unittest
from pathlib import Path

CAP_NET_ADMIN, CAP_SYS_ADMIN = 12, 21
TIME_LIMIT = int(os.environ.get("TIME_LIMIT", 200))  # seconds; then tests end, and clean up


def why_skip():
    """What is missing for these tests; None if nothing is."""
    from programs import find_tool

    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines()
    )
    capabilities = int(status["CapEff"], 16)
    if not all(capabilities >> needed & 1 for needed in (CAP_NET_ADMIN, CAP_SYS_ADMIN)):
        return "making network namespaces takes root (CAP_NET_ADMIN and CAP_SYS_ADMIN)"
    names = ("ip", "nft", "ethtool", "ping", "tcpdump", "curl", "openssl", "setcap", "setpriv")
    names += ("strace", "systemd-analyze", "tmux", "chromium", "chromedriver")
    tools = {name: shutil.which(name) for name in names}
    tools |= {name: find_tool(name) for name in ("prometheus", "promtool")}
    missing = [name for name, path in tools.items() if path is None]
    return f"no {', '.join(missing)} (packaging/install-dependencies test)" if missing else None


def give_up(number, _frame):
    raise TimeoutError(f"ended by {signal.Signals(number).name}")


def main():
    os.environ["LOSSGAZER"] = os.path.abspath(sys.argv[1])
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if reason := why_skip():
        print(f"skipped: {reason}")
        return 77
    signal.signal(signal.SIGALRM, give_up)
    signal.signal(signal.SIGTERM, give_up)
    signal.alarm(TIME_LIMIT)
    tests = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[2:])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(tests)
    if result.wasSuccessful() and result.testsRun == 0 and result.skipped:
        return 77
    return 0 if result.wasSuccessful() and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
