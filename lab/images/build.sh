#!/bin/sh
# Make the root file system of a lab host from Debian's packages: build.sh SUITE OUT.tar
# LAB_DEBIAN_MIRROR names another mirror than the one mmdebstrap knows by itself.
set -eu
suite=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
partial="$out.partial"
trap 'rm -rf "$partial"' EXIT

# Like a cloud image: no recommended packages beyond what such an image has, python3 for Ansible, no netbase and no
# syslog daemon, so that the roles meet the harder case. The package lists stay: a host needs no update of its own
# while they are fresh.
# shellcheck disable=SC2016 # $1 is mmdebstrap's: the root of the new system
mmdebstrap --quiet --format=tar --variant=minbase --skip=cleanup/apt/lists \
    --include=systemd,systemd-sysv,dbus,openssh-server,sudo,python3,python3-apt,python3-websockets,iproute2,ca-certificates,apt \
    --aptopt='Acquire::Languages "none"' \
    --dpkgopt='force-unsafe-io' \
    --customize-hook="copy-in $here/lab-init /usr/local/sbin/" \
    --customize-hook="copy-in $here/app/app.py /usr/local/lib/" \
    --customize-hook="copy-in $here/app/app.service /etc/systemd/system/" \
    --customize-hook="upload $here/setup.sh /setup.sh" \
    --customize-hook='chroot "$1" sh /setup.sh' \
    --customize-hook='rm "$1/setup.sh"' \
    "$suite" "$partial" ${LAB_DEBIAN_MIRROR:+"$LAB_DEBIAN_MIRROR"}
mv "$partial" "$out"
