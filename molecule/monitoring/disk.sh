#!/bin/sh
# disk.sh CONTAINER: give a host a disk of 64 MB at /srv/small, which is gone when it is unmounted. To be run on the
# machine of the lab, since a host has no loop devices.
set -eu
[ "$(id -u)" -eq 0 ] || exec sudo env PATH="$PATH" "$0" "$@"
PATH=$PATH:/usr/sbin:/sbin
process=$(podman inspect --format '{{.State.Pid}}' "$1")
image=$(mktemp)
truncate --size=64M "$image"
mkfs.ext4 -q -F "$image"
loop=$(losetup --find --show "$image")
numbers=$(stat --format='%Hr %Lr' "$loop")
nsenter --target "$process" --mount sh -euc "
    mkdir -p /srv/small
    rm -f /dev/small
    mknod /dev/small b $numbers
    mountpoint -q /srv/small || mount -t ext4 /dev/small /srv/small"
# From here on both go with the last who uses them.
losetup --detach "$loop"
rm "$image"
