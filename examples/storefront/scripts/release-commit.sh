#!/usr/bin/env bash
# Bring the site under Git in the run's folder, and tag it. With a real repository this would be a `git clone`.
set -euo pipefail

tag=$(<tag)

# Settings of this machine's users must not change what a release is.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=Release GIT_AUTHOR_EMAIL=release@storefront.example
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL

git init --quiet --initial-branch=main source
mkdir source/site source/data
cp "$SIGNALBOX_FILES"/site/* source/site/
cp "$SIGNALBOX_FILES"/data/catalogue.csv source/data/
chmod -R u+w source
printf '%s\n' "$INPUT_VERSION" >source/VERSION

git -C source add --all
# The notes come through a file: whatever they hold, Git reads them as text.
printf 'Release %s\n\n%s\n' "$tag" "$INPUT_NOTES" >message
git -C source commit --quiet --file=../message
git -C source tag --annotate --file=../message "$tag"

commit=$(git -C source rev-parse HEAD)
echo "commit $commit is $tag"
printf 'commit=%s\n' "$commit" >>"$SIGNALBOX_OUTPUT"
