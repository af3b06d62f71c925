#!/usr/bin/env bash
# pytest-xdist 3.8.0 under pytest 9.2.0: with --dist loadgroup, tests of one xdist_group go to several workers,
# without a word; under pytest 8.4.2 they go to one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > test_groups.py <<'PYTHON'
import os
import time

import pytest


@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(20))
def test_of_a_group(number):
    time.sleep(0.05)
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(os.environ["PYTEST_XDIST_WORKER"] + "\n")
PYTHON
workers() {
    python3 -m venv "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check "pytest==$1" pytest-xdist==3.8.0
    SEEN="$folder/$1.seen" "$1/bin/python" -m pytest -q -n 2 --dist loadgroup > "$1.log"
    sort -u "$1.seen" | wc -l
}
before=$(workers 8.4.2)
now=$(workers 9.2.0)
echo "workers that ran the tests of one group: pytest 8.4.2: $before, pytest 9.2.0: $now"
test "$before" = 1 && test "$now" = 2
