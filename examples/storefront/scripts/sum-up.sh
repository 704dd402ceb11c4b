#!/usr/bin/env bash
# Put the findings of all steps together.
set -euo pipefail

cat findings-*.tsv >findings
count=$(wc -l <findings | tr -d ' ')
if ((count == 0)); then
    printf '\033[32mAll is well.\033[0m\n'
    exit 0
fi

printf '\033[33m%s things to look at:\033[0m\n' "$count"
while IFS=$'\t' read -r area text; do
    printf '  %-10s %s\n' "$area" "$text"
done <findings

# One line is `name=value`; several stand between two lines of a word that the text does not contain.
{
    printf 'findings=%s\n' "$count"
    printf 'report<<END_OF_REPORT\n'
    cat findings
    printf 'END_OF_REPORT\n'
} >>"$SIGNALBOX_OUTPUT"

if [[ "$INPUT_STRICT" == true ]]; then
    echo 'strict: what was found fails the run' >&2
    exit 1
fi
