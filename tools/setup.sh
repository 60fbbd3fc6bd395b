#!/bin/sh
# Makes the virtual environment that every make target runs in: setup.sh FOLDER. Installs what Debian splits off of
# Python where it may; says in one line what is missing where it may not.
set -eu
venv=$1
python=${PYTHON:-python3}

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

if ! command -v "$python" >/dev/null 2>&1 || ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
		say "installing python3 and python3-venv"
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -qq >/dev/null
		apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null
	else
		fail "Python's venv module is missing: install python3-venv (Debian) or Python 3.11 or later"
	fi
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
	fail "$("$python" --version) is too old: irkit needs Python 3.11 or later (make PYTHON=python3.11)"

say "making $venv with $("$python" --version)"
rm -rf "$venv"
"$python" -m venv "$venv"
say "installing the pinned dependencies"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
say "installing irkit"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
