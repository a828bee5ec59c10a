#!/bin/sh
# Put /etc/nginx, as it is, on a disk of its own without a free block (disk.sh fill), or take it back (disk.sh free).
set -eu
if [ "$1" = free ]; then
    umount /etc/nginx
    exit
fi
mount -t tmpfs -o size=4m,mode=0755 disk /mnt
cp -a /etc/nginx/. /mnt/
mount --move /mnt /etc/nginx 2> /dev/null || { mount --bind /mnt /etc/nginx && umount /mnt; }
dd if=/dev/zero of=/etc/nginx/filler bs=4k 2> /dev/null || true # it ends when the disk is full
