#!/bin/sh
# Room, load and memory of the machine that performs the steps.
set -eu

finding() { printf 'machine\t%s\n' "$1" >>findings.tsv; }

used=$(df -P . | awk 'NR == 2 { sub("%", "", $5); print $5 }')
printf 'disk      %s %% used\n' "$used"
if [ "$used" -ge 90 ]; then
    printf 'disk is nearly full: %s %%\n' "$used" >&2
    finding "disk $used % used"
fi

if [ -r /proc/loadavg ]; then
    cores=$(getconf _NPROCESSORS_ONLN)
    # Looking once says little: three looks, a third of a second apart.
    for look in 1 2 3; do
        printf 'load      %s on %s cores (look %s)\n' "$(cut -d ' ' -f 1 /proc/loadavg)" "$cores" "$look"
        sleep 0.3
    done
    awk '/^MemTotal/ { all = $2 } /^MemAvailable/ { free = $2 }
         END { printf "memory    %.1f of %.1f GiB available\n", free / 1048576, all / 1048576 }' /proc/meminfo
fi

printf 'disk_used_percent=%s\n' "$used" >>"$SIGNALBOX_OUTPUT"
