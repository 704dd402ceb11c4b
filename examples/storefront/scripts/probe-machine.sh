#!/bin/sh
# Has the machine room on its disk, and not far more to do than it can? What cannot be read proves nothing: 75.
set -u

used=$(df -P . | awk 'NR == 2 { sub("%", "", $5); print $5 }') || exit 75
cores=$(getconf _NPROCESSORS_ONLN) || exit 75
load=$(cut -d ' ' -f 1 /proc/loadavg) || exit 75
[ -n "$used" ] && [ -n "$load" ] || exit 75

printf 'disk %s %% used, load %s on %s cores\n' "$used" "$load" "$cores"
if [ "$used" -ge 98 ]; then
    printf 'the disk is full: %s %% used\n' "$used" >&2
    exit 1
fi
awk -v load="$load" -v cores="$cores" 'BEGIN { exit !(load < 8 * cores) }' || {
    printf 'far too much to do: load %s on %s cores\n' "$load" "$cores" >&2
    exit 1
}
