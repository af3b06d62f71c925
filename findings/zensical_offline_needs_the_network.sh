#!/usr/bin/env bash
# Zensical 0.0.73: with its plugin `offline`, each page loads https://unpkg.com/iframe-worker/shim, which
# search needs where it is opened from disk. So without a network there is no search, unless the
# project names a copy of its own whose path has `iframe-worker` in it (`extra.polyfills`).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'zensical==0.0.73'
cd "$folder"
mkdir -p docs/assets
echo '# Home' > docs/index.md
echo '' > docs/assets/iframe-worker.js
scripts() { venv/bin/zensical build --clean > /dev/null && grep -o '<script src="[^"]*"' site/index.html; }

printf '[project]\nsite_name = "Home"\ntheme.font = false\n[project.plugins.offline]\n' > zensical.toml
scripts | tee /dev/stderr | grep -q 'src="https://unpkg.com/iframe-worker/shim"'

printf '[project.extra]\npolyfills = ["assets/iframe-worker.js"]\n' >> zensical.toml
if scripts | tee /dev/stderr | grep 'https:'; then exit 1; fi
