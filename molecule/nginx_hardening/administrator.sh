#!/bin/sh
# A server as it may have grown: a default site that is not the distribution's any more, sites that are written in every
# style that nginx reads, odd owners and modes. With "leave" all of it goes.
set -eu
cd /etc/nginx
if [ "${1:-}" = leave ]; then
    rm -f sites-enabled/legacy sites-enabled/legacy-too sites-available/legacy conf.d/admin.conf
    sed -i '/his default/d' sites-available/default
    systemctl reload nginx
    exit
fi
sed -i '/his default/d' sites-available/default
sed -i 's/^\tlocation \/ {/\tlocation = \/ { return 200 "his default"; }\n&/' sites-available/default
# shellcheck disable=SC2016 # nginx's variables
printf '%s\r\n' \
    '# server { server_name commented.example; }' \
    'server { listen 80; server_name legacy.example; location ~ \.php$ { return 200 "let through"; } location / { return 200 "legacy"; } }' \
    'server' '{ # server { server_name commented-too.example; }' \
    '    server_name "www.legacy.example" legacy.example; listen 127.0.0.1:8089; listen 80;' \
    '    set $text "} server { server_name quoted.example; ";' \
    '    location / { return 200 "www"; }' \
    '}' > sites-available/legacy
printf 'server{server_name other.example;location /{return 200 other;}}' >> sites-available/legacy
chown www-data:adm sites-available/legacy
chmod 0640 sites-available/legacy
ln -sf ../sites-available/legacy sites-enabled/legacy
# shellcheck disable=SC2016
echo 'map $uri $his { default ""; }' > conf.d/admin.conf
chmod 0600 conf.d/admin.conf
nginx -t -q
systemctl reload nginx
