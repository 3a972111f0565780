#!/usr/bin/env bash
# Gradescope runs this once, when it builds the image.
set -euo pipefail
root="${AUTOGRADER_ROOT:-/autograder}"
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y bubblewrap python3-venv
python=python3
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  apt-get install -y python3.11 python3.11-venv
  python=python3.11
fi
"$python" -m venv "$root/source/.venv"
"$root/source/.venv/bin/pip" install --index-url https://download.pytorch.org/whl/cpu torch
"$root/source/.venv/bin/pip" install "@INSTALL@"
"$root/source/.venv/bin/aisys" --course "$root/source/course" doctor --for grade || true
