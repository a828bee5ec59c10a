# shellcheck shell=bash
# Sourced by every gate: work from the repository's root with the project's own tools, keep all that is written
# below .cache/, and say nothing but what is wrong.
set -euo pipefail
gate=$(basename "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
cache=$root/.cache/$gate
mkdir -p "$cache"

# The gate's verdict must not depend on who runs it: no setting of the user's own Ansible reaches the tools.
while read -r name; do unset "$name"; done < <(compgen -e ANSIBLE_ || true)
export PATH="$root/.venv/bin:$PATH"
export ANSIBLE_HOME=$cache/ansible ANSIBLE_LOCAL_TEMP=$cache/ansible/tmp
export NO_COLOR=1 ANSIBLE_NOCOLOR=1 PYTHONDONTWRITEBYTECODE=1

# Two runs of one gate would remove each other's files.
exec 9>"$cache/lock"
flock 9

failed=0

# check LABEL COMMAND...: silent if the command succeeds, else the label and all that it printed.
check() {
  local label=$1 output
  shift
  if ! output=$("$@" 2>&1); then
    printf '%s: %s failed\n%s\n\n' "$gate" "$label" "$output" >&2
    failed=1
  fi
}

# need LABEL COMMAND...: a check without which the rest of the gate makes no sense.
need() {
  local before=$failed
  failed=0
  check "$@"
  ((failed == 0)) || exit 1
  failed=$before
}

finish() { exit "$failed"; }
