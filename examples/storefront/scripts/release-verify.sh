#!/usr/bin/env bash
# Believe the archive only after unpacking it: checksum, version, and every file as it is in the commit.
set -euo pipefail

name=storefront-$(<tag)

sha256sum --check "$name.tar.gz.sha256"
rm -rf unpacked
mkdir unpacked
tar --extract --gzip --file "$name.tar.gz" --directory unpacked
[[ "$(<"unpacked/$name/VERSION")" == "$INPUT_VERSION" ]]
diff --recursive --exclude=.git source "unpacked/$name"
echo "$(find "unpacked/$name" -type f | wc -l | tr -d ' ') files, all as committed"
