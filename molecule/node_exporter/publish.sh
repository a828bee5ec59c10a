#!/bin/sh
# publish.sh MIRROR PROGRAM...: publish programs as the Prometheus project publishes its releases, below MIRROR. Prints a
# JSON object: the SHA-256 of each version's archive.
set -eu
mirror=$1
shift
architecture=$(dpkg --print-architecture)
separator='{'
for program; do
    version=$("$program" --version 2>&1 | sed -n 's/^node_exporter, version \([^ ]*\).*/\1/p')
    name=node_exporter-$version.linux-$architecture
    mkdir -p "$mirror/v$version/$name"
    cp "$program" "$mirror/v$version/$name/node_exporter"
    tar -czf "$mirror/v$version/$name.tar.gz" -C "$mirror/v$version" "$name"
    rm -r "$mirror/v$version/$name"
    printf '%s"%s": "%s"' "$separator" "$version" "$(sha256sum "$mirror/v$version/$name.tar.gz" | cut -d' ' -f1)"
    separator=', '
done
echo '}'
