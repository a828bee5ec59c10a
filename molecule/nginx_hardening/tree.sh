#!/bin/sh
# Everything that is to know of nginx's configuration files: names, kinds, modes, owners, links and contents.
set -eu
cd /etc/nginx
find . -printf '%p %y %m %U %G %l %s\n' | sort
find . -type f | sort | xargs -d '\n' sha256sum
