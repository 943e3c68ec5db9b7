#!/bin/sh
# Trouble has names and numbers: ask the exit status whether trying again can help.
set -eu
status=0
rkat run --json "What about a wrong key?" 2>error.json || status=$?
echo "exit status $status"
jq -r '.error | "\(.code), again: \(.retryable)"' error.json
#> exit status 20
#> PROVIDER_ERROR, again: false
