#!/bin/sh
# Only root reads the key that the controller gave, and the metric says when its certificate ends.
set -eu
[ "$(stat -c '%a %U' /etc/nginx/rampart-tls/shop.key)" = '600 root' ] || { echo 'others may read the key'; exit 1; }
end=$(date -d "$(openssl x509 -in /etc/nginx/rampart-tls/shop.pem -noout -enddate | cut -d= -f2)" +%s)
grep -q "site=\"shop\".* $end\$" /var/lib/node_exporter/textfile_collector/rampart_nginx_certificates.prom ||
    { echo "the metric does not say $end"; exit 1; }
systemctl is-active rampart-nginx-certificates.timer
