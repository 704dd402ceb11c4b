#!/bin/sh
# Room, work and memory of the machine that performs the steps.
set -eu

: >findings-machine.tsv

used=$(df -P . | awk 'NR == 2 { sub("%", "", $5); print $5 }')
printf 'disk      %s %% used\n' "$used"
if [ "$used" -ge 90 ]; then
    printf 'disk is nearly full: %s %%\n' "$used" >&2
    printf 'machine\tdisk %s %% used\n' "$used" >>findings-machine.tsv
fi

if [ -r /proc/stat ]; then
    # One look says little: three, a third of a second each.
    for look in 1 2 3; do
        { head -n 1 /proc/stat && sleep 0.3 && head -n 1 /proc/stat; } | awk -v look="$look" '
            { all[NR] = 0; for (i = 2; i <= NF; i++) all[NR] += $i; idle[NR] = $5 + $6 }
            END { d = all[2] - all[1]; printf "busy      %.0f %% of all cores (look %s)\n", d ? 100 - 100 * (idle[2] - idle[1]) / d : 0, look }'
    done
    awk '/^MemTotal/ { all = $2 } /^MemAvailable/ { free = $2 }
         END { printf "memory    %.1f of %.1f GiB available\n", free / 1048576, all / 1048576 }' /proc/meminfo
fi

printf 'disk_used_percent=%s\n' "$used" >>"$SIGNALBOX_OUTPUT"
