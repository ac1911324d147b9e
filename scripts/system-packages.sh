#!/usr/bin/env bash
# Makes sure that what pip cannot install is there, by apt-get where this user may, else by saying what is missing.
#   system-packages.sh python    a Python of at least 3.11 that can make virtual environments ($PYTHON, else python3)
#   system-packages.sh compiler  what python-iptables is built with: a C compiler, its library's headers, Python's
#   system-packages.sh kernel    what the tests run: iptables, ipset, nftables, conntrack, iproute2, kmod; git, ssh-keygen
#   system-packages.sh browser   what the tests of pages run: Chromium, and what drives it
set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin # Debian keeps them from users' PATH
PYTHON=${PYTHON:-python3}
missing=()

need() { # need PACKAGE PROGRAM...
    local package=$1 program
    shift
    for program in "$@"; do
        command -v "$program" >/dev/null || { missing+=("$package"); return; }
    done
}

case "${1:-}" in
python)
    need python3 "$PYTHON"
    if ((${#missing[@]} == 0)) && ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "netpolicy needs Python 3.11 or later, and $PYTHON is $("$PYTHON" -V 2>&1): make PYTHON=/path/to/python3.11" >&2
        exit 1
    fi
    # Debian ships venv without ensurepip until python3-venv is there; the failure would come half-way.
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    ;;
compiler)
    need gcc cc
    echo '#include <stdlib.h>' | cc -E - >/dev/null 2>&1 || missing+=(libc6-dev)
    headers=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    [[ -e $headers/Python.h ]] || missing+=(python3-dev)
    ;;
kernel)
    need iptables iptables-{legacy,nft}-{save,restore} ip6tables-{legacy,nft}-{save,restore}
    need ipset ipset
    need nftables nft
    need conntrack conntrack
    need iproute2 ip
    need kmod modprobe
    need git git
    need openssh-client ssh-keygen
    ;;
browser)
    need chromium chromium
    need chromium-driver chromedriver
    ;;
*)
    echo "usage: $0 python|compiler|kernel|browser" >&2
    exit 2
    ;;
esac

((${#missing[@]})) || exit 0
if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    echo "missing system packages: ${missing[*]}" >&2
    echo "install them as root, for example: apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "installing system packages: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update >&2
apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends "${missing[@]}" >/dev/null
