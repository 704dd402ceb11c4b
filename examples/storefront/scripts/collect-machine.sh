#!/bin/sh
# What the machine is like, as facts. Figures that never rest become words: a fact that changes with each look tells nothing.
set -eu

fact() {
    printf '%s: %s\n' "$1" "$2"
    printf '%s=%s\n' "$1" "$2" >>"$SIGNALBOX_FACTS"
}

fact kernel "$(uname -sr)"
fact architecture "$(uname -m)"
cores=$(getconf _NPROCESSORS_ONLN)
fact cores "$cores"
fact load "$(awk -v cores="$cores" '{ print $2 < cores / 2 ? "low" : $2 < 2 * cores ? "busy" : "high" }' /proc/loadavg)"
fact disk_used_percent "$(df -P . | awk 'NR == 2 { sub("%", "", $5); print $5 }')"
fact memory_gib "$(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)"
