#!/bin/sh
# Bring what the demo and the tests need onto this machine: Debian packages for the lab's hosts, Python packages into
# .venv. Says nothing and does nothing when all is there.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

packages='ca-certificates curl debian-archive-keyring git gnupg iproute2 iptables mmdebstrap netavark openssh-client
podman procps python3 python3-venv rpm runc util-linux xfsprogs'
# The browser that looks at the HTML reports in the tests. Ubuntu has one only as a snap: have one in the PATH there.
[ "$(sed -n 's/^ID=//p' /etc/os-release)" = ubuntu ] || packages="$packages chromium-headless-shell"
needed_mib=6144
as_root=$([ "$(id -u)" -eq 0 ] || echo sudo)

# --- Debian packages ---------------------------------------------------------------------------------------------
{ command -v dpkg-query && command -v apt-get; } >/dev/null ||
    die 'this is not Debian or Ubuntu (no dpkg, no apt): use Debian 12 or newer, or Ubuntu 24.04 or newer'
# shellcheck disable=SC2086 # a list of words
missing=$(dpkg-query --show --showformat='${Package} ${db:Status-Abbrev}\n' $packages 2>/dev/null |
    awk -v all="$packages" '$2 == "ii" {have[$1] = 1} END {n = split(all, p); for (i = 1; i <= n; i++) if (!(p[i] in have)) printf "%s ", p[i]}')
if [ -n "$missing" ]; then
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        die "packages are missing ($missing): install them as root, or install sudo"
    say "installing packages: $missing"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # shellcheck disable=SC2086 # lists of words
    if ! { $as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "apt could not install: $missing"
    fi
fi

# --- space -------------------------------------------------------------------------------------------------------
for place in . /var/lib; do
    free=$(df --output=avail -m "$place" | tail -n 1)
    [ -d .venv ] || [ "$free" -ge "$needed_mib" ] ||
        die "only $free MiB are free in $(realpath "$place"): images and packages need $needed_mib MiB"
done

# --- Python packages ---------------------------------------------------------------------------------------------
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "Python $(python3 -c 'import platform; print(platform.python_version())') is too old: ansible-core 2.19 needs 3.11 or newer on the controller"
stamp=$(cat requirements.txt requirements-dev.txt | sha256sum | cut -c1-16)-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if [ "$(cat .venv/.stamp 2>/dev/null)" != "$stamp" ]; then
    say 'installing Python packages into .venv (a minute or two)'
    .venv/bin/python -m pip --version >/dev/null 2>&1 || python3 -m venv --clear .venv
    .venv/bin/python -m pip install -qq --disable-pip-version-check --requirement requirements-dev.txt ||
        die 'pip could not install requirements-dev.txt: see its message above'
    echo "$stamp" > .venv/.stamp
fi

# --- promtool ----------------------------------------------------------------------------------------------------
# The tests of the alerting rules need it. From Debian's package, which when installed would start a Prometheus here.
if [ ! -x .venv/bin/promtool ]; then
    say 'fetching promtool out of the package prometheus'
    place=$(mktemp -d)
    trap 'rm -rf "$place" "${log:-}"' EXIT
    fetch() { (cd "$place" && apt-get download -qq -o APT::Sandbox::User=root prometheus) 2>"$place/log"; }
    fetch || { $as_root apt-get update -qq && fetch; } ||
        { cat "$place/log" >&2; die 'apt could not fetch the package prometheus'; }
    dpkg-deb --fsys-tarfile "$place"/prometheus_*.deb | tar -x -C "$place" ./usr/bin/promtool
    install "$place/usr/bin/promtool" .venv/bin/.promtool.new
    mv .venv/bin/.promtool.new .venv/bin/promtool
fi
