#!/bin/sh
# Run a second nginx with the configuration below /tmp/beanstalk (beanstalk.sh start), or end it (beanstalk.sh stop).
set -eu
pid=/tmp/beanstalk/nginx.pid
if [ -s "$pid" ]; then
    kill "$(cat "$pid")"
    sleep 0.5
fi
[ "$1" = start ] || exit 0
said=$(nginx -t -c /tmp/beanstalk/nginx.conf 2>&1) || { echo "$said"; exit 1; }
case $said in *'[warn]'*) echo "$said"; exit 1 ;; esac
nginx -c /tmp/beanstalk/nginx.conf
