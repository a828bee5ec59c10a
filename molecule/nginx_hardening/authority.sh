#!/bin/sh
# Run pebble, an ACME server, on this host: authority.sh ADDRESS [ADDRESS=NAME]...
# Prints the certificate by which its own address is to be trusted.
set -eu
address=$1
shift
for pair; do
    grep -q " ${pair#*=}$" /etc/hosts || echo "${pair%%=*} ${pair#*=}" >> /etc/hosts
done
if ! command -v pebble > /dev/null; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends pebble openssl; } >&2
fi
mkdir -p /etc/pebble
cd /etc/pebble
[ -e cert.pem ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=authority \
    -addext "subjectAltName=IP:$address" -keyout key.pem -out cert.pem 2> /dev/null
cat > config.json <<END
{"pebble": {"listenAddress": "0.0.0.0:14000", "managementListenAddress": "127.0.0.1:15000",
  "certificate": "/etc/pebble/cert.pem", "privateKey": "/etc/pebble/key.pem", "httpPort": 80, "tlsPort": 443,
  "ocspResponderURL": "", "externalAccountBindingRequired": false}}
END
systemctl is-active --quiet pebble ||
    systemd-run --quiet --unit pebble --setenv PEBBLE_VA_NOSLEEP=1 --setenv PEBBLE_WFE_NONCEREJECT=0 \
        pebble -config /etc/pebble/config.json -strict
cat cert.pem
