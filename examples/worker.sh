#!/bin/bash
# A worker keeps its connections open and takes one request after another; see
# rkat-worker(5).
set -eu
coproc worker { rkat-turn --worker; }
exec 3<&"${worker[0]}" 4>&"${worker[1]}"	# bash forgets them when the worker ends
ask() { printf '%s\n' "$1" >&4; }
# The next answer that is no event, in $line.
answer() {
	while read -r line <&3; do
		case $line in *'"event":'*) ;; *) return ;; esac
	done
	return 1
}
ask '{"id":1,"op":"create"}'
answer
session=$(jq -r .result.session_id <<<"$line")
for n in 2 3; do
	ask "{\"id\":$n,\"op\":\"run\",\"session\":\"$session\",\"prompt\":\"This is turn $n.\"}"
	answer
	jq -c '[.id, .outcome, .result.text]' <<<"$line"
done
ask '{"id":4,"op":"exit"}'
answer
echo "$line"
#> [2,"completed","You said: This is turn 2."]
#> [3,"completed","You said: This is turn 3."]
#> {"id":4,"result":{}}
