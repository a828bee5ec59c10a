#!/bin/sh
# Put a file of denied addresses in its place, again and again, in the two steps of an atomic writer; see that each takes
# effect.
set -eu
cd /var/lib/nginx_hardening
for number in 1 2 3 4 5 6 7 8; do
  echo "203.0.113.$number 1;" > denied/.new
  mv denied/.new denied/again.conf
  deadline=$(($(date +%s) + 60))
  until grep -q "203.0.113.$number/32" denied.geo; do
    [ "$(date +%s)" -lt "$deadline" ] || { echo "denied address $number was lost"; exit 1; }
    sleep 0.1
  done
  # A change while the service runs is seen by the service; what comes after it has to be seen by systemd.
  until [ "$(systemctl show --property ActiveState --value rampart-nginx-denied.service)" = inactive ]; do sleep 0.1; done
done
rm denied/again.conf
