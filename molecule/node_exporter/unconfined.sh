#!/bin/bash
# unconfined.sh URL: run a second exporter with the same arguments, but not confined, and compare what the two measure.
set -euo pipefail
shopt -s extglob
names() {
  python3 -c 'import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())' "$1" |
    sed -n 's/^\(node_[a-z0-9_]*\).*/\1/p' | sort -u
}
# shellcheck source=/dev/null
. /etc/default/prometheus-node-exporter
read -ra arguments <<<"${ARGS/--web.listen-address=+([^ ])/}"
setpriv --reuid=prometheus --regid=prometheus --init-groups \
  prometheus-node-exporter "${arguments[@]}" --web.listen-address=127.0.0.1:9199 2>/dev/null &
exporter=$!
trap 'kill "$exporter"' EXIT
sleep 2
diff <(names http://127.0.0.1:9199/metrics) <(names "$1")
