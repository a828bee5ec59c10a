#!/bin/sh
# Renew every certificate of this host, and see that nginx shows the new one of NAME and the metric its end: renew.sh NAME.
set -eu
name=$1
served() {
    openssl s_client -connect 127.0.0.1:443 -servername "$name" < /dev/null 2> /dev/null | openssl x509 -noout "$@"
}
served -issuer | grep -i pebble
before=$(served -serial)
certbot renew --force-renewal --no-random-sleep-on-renew
for _ in 1 2 3 4 5; do
    [ "$before" = "$(served -serial)" ] || break
    sleep 1
done
[ "$before" != "$(served -serial)" ] || { echo 'nginx shows the old certificate'; exit 1; }
end=$(date -d "$(served -enddate | cut -d= -f2)" +%s)
grep -q "site=\"acme\".* $end\$" /var/lib/node_exporter/textfile_collector/rampart_nginx_certificates.prom ||
    { echo "the metric does not say $end"; exit 1; }
systemctl is-active certbot.timer
