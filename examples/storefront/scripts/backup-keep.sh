#!/usr/bin/env bash
# Keep the pack, whole or not at all, and remove the oldest ones beyond the number to keep.
set -euo pipefail

if [[ -z "${INPUT_KEEP_IN:-}" ]]; then
    echo 'a rehearsal: nothing is kept'
    exit 0
fi
if ((INPUT_KEEP < 1)); then
    echo "keep must be at least 1, not $INPUT_KEEP" >&2
    exit 1
fi

mkdir -p -- "$INPUT_KEEP_IN"
pack=$INPUT_KEEP_IN/orders-$(date -u +%Y%m%dT%H%M%SZ).tar.gz
cp -- orders.tar.gz "$pack.part"
mv -- "$pack.part" "$pack"
echo "kept $pack"
printf 'pack=%s\n' "$pack" >>"$SIGNALBOX_OUTPUT"

# The names sort by time.
packs=("$INPUT_KEEP_IN"/orders-????????T??????Z.tar.gz)
for old in "${packs[@]:0:${#packs[@]}>INPUT_KEEP ? ${#packs[@]} - INPUT_KEEP : 0}"; do
    rm -- "$old"
    echo "removed $old"
done
