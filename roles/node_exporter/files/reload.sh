#!/bin/sh
# Run what the files that are now in place say, and nothing else: the package's exporter, the release's, or none. Neither
# runs as it came, which would be on all addresses.
cd /etc/systemd/system || exit 1
packaged=prometheus-node-exporter.service
released=node_exporter.service
metrics=rampart-host-metrics
[ -e "$released" ] || { systemctl --quiet stop "$released" 2>/dev/null; rm -f "multi-user.target.wants/$released"; }
[ -e "$metrics.timer" ] || {
    systemctl --quiet stop "$metrics.timer" "$metrics.service" 2>/dev/null
    rm -f "timers.target.wants/$metrics.timer"
}
systemctl daemon-reload
if [ -e "$released" ]; then
    systemctl --quiet stop "$packaged" 2>/dev/null
    systemctl restart "$released" || exit 1
elif [ -e "$packaged.d/hardening.conf" ]; then
    systemctl restart "$packaged" || exit 1
else
    systemctl --quiet stop "$packaged" 2>/dev/null
fi
[ ! -e "$metrics.timer" ] || {
    systemctl --quiet enable "$metrics.timer" && systemctl restart "$metrics.timer"
}
