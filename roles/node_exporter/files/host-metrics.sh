#!/bin/sh
# Managed by Ansible (rampart.ops.node_exporter). Writes what waits for an administrator, for the textfile collector:
# host-metrics FILE [CERTIFICATE]... A part that cannot be measured fails the whole, and the old file stays.
set -eu
export LC_ALL=C
target=$1
shift
# The exporter reads *.prom only, and so never half a file.
work=$(mktemp "$target.XXXXXX")
trap 'rm -f "$work"' EXIT

metric() { printf '# HELP %s %s\n# TYPE %s gauge\n' "$1" "$2" "$1"; }

newest() { # of those that exist, in seconds since 1970; 0 if none does
    for path; do stat -c %Y "$path" 2>/dev/null || echo 0; done | sort -n | tail -n 1
}

apt_upgrades() {
    planned=$(apt-get --simulate --quiet --quiet dist-upgrade)
    metric apt_upgrades_pending 'Packages that wait for an upgrade, by where it comes from.'
    # Inst NAME [OLD] (NEW ORIGIN, ORIGIN [ARCHITECTURE])
    printf '%s\n' "$planned" | awk '
        /^Inst [^ ]+ \[/ {
            sub(/^[^(]*\([^ ]* /, "")
            if (!match($0, / \[[^]]*\]\)/)) next
            origin = substr($0, 1, RSTART - 1)
            gsub(/[\\"]/, "", origin)
            count["origin=\"" origin "\",arch=\"" substr($0, RSTART + 2, RLENGTH - 4) "\""]++
        }
        END {
            for (labels in count) { printf "apt_upgrades_pending{%s} %d\n", labels, count[labels]; any = 1 }
            if (!any) print "apt_upgrades_pending{origin=\"\",arch=\"\"} 0"
        }'
    metric apt_package_cache_timestamp_seconds 'When the lists of packages were last fetched.'
    echo "apt_package_cache_timestamp_seconds $(newest /var/lib/apt/lists /var/lib/apt/lists/partial \
        /var/lib/apt/periodic/update-success-stamp)"
    metric node_reboot_required 'Whether an upgrade waits for a reboot.'
    if [ -e /run/reboot-required ]; then echo node_reboot_required 1; else echo node_reboot_required 0; fi
}

dnf_upgrades() {
    code=0
    planned=$(dnf --quiet check-update) || code=$?
    [ "$code" -eq 0 ] || [ "$code" -eq 100 ]
    metric yum_upgrades_pending 'Packages that wait for an upgrade, by where it comes from.'
    # NAME.ARCHITECTURE VERSION REPOSITORY; what it replaces follows.
    printf '%s\n' "$planned" | awk '
        /^Obsoleting/ { exit }
        NF == 3 && $1 ~ /\./ { count[$3]++ }
        END {
            for (origin in count) { printf "yum_upgrades_pending{origin=\"%s\"} %d\n", origin, count[origin]; any = 1 }
            if (!any) print "yum_upgrades_pending{origin=\"\"} 0"
        }'
    metric node_reboot_required 'Whether an upgrade waits for a reboot.'
    code=0
    said=$(dnf --quiet needs-restarting --reboothint) || code=$?
    case $code:$said in
        0:*) echo node_reboot_required 0 ;;
        1:*[Rr]eboot\ is\ required*) echo node_reboot_required 1 ;;
        *) exit 1 ;;
    esac
}

certificates() {
    metric certificate_not_after_timestamp_seconds 'When a certificate ends; 0 if it cannot be read.'
    for path; do
        end=$(openssl x509 -in "$path" -noout -enddate 2>/dev/null) && end=$(date -d "${end#notAfter=}" +%s) || end=0
        printf 'certificate_not_after_timestamp_seconds{path="%s"} %s\n' "$path" "$end"
    done
}

{
    if command -v apt-get >/dev/null; then apt_upgrades; else dnf_upgrades; fi
    [ $# -eq 0 ] || certificates "$@"
} >"$work"
chmod 0644 "$work"
mv "$work" "$target"
