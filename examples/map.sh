#!/bin/sh
# One agent per file, four at a time, one line per answer.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for n in 1 2 3 4 5 6; do
	echo "report $n: all is well" >"$tmp/$n.txt"
done
find "$tmp" -name '*.txt' -print0 |
	xargs -0 -P 4 -I{} sh -c 'rkat run --json - < {}' |
	jq -r .text | sort
#> You said: report 1: all is well
#> You said: report 2: all is well
#> You said: report 3: all is well
#> You said: report 4: all is well
#> You said: report 5: all is well
#> You said: report 6: all is well
