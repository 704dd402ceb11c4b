#!/usr/bin/env bash
# The archive, byte for byte the same whenever it is made of the same commit, and its checksum.
set -euo pipefail

tag=$(<tag)
name=storefront-$tag

git -C source archive --format=tar --prefix="$name/" "$tag" | gzip --no-name --best >"$name.tar.gz"
sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256"

{
    printf 'archive=%s.tar.gz\n' "$name"
    printf 'bytes=%s\n' "$(wc -c <"$name.tar.gz" | tr -d ' ')"
    printf 'sha256=%s\n' "$(cut -d ' ' -f 1 "$name.tar.gz.sha256")"
} >>"$SIGNALBOX_OUTPUT"
