#!/bin/bash
# JSON-RPC through two pipes: a session with a tool that this script runs.
set -eu
coproc rpc { rkat-rpc --realm demo; }
exec 3<&"${rpc[0]}" 4>&"${rpc[1]}"
call() { printf '{"jsonrpc":"2.0","id":%s,"method":"%s","params":%s}\n' "$1" "$2" "$3" >&4; }
# The next line that is no event, in $line.
next() {
	while read -r line <&3; do
		case $line in *'"method":"session/event"'*) ;; *) return ;; esac
	done
	return 1
}
call 1 initialize '{}'
next
jq -r .result.contract_version <<<"$line"
call 2 tools/register '{"tools":[{"name":"uptime","description":"Since when","input_schema":{"type":"object"}}]}'
next
call 3 session/create '{"prompt":"Since when is the machine up?"}'
next	# the server asks us
jq -r '[.method, .params.name] | @tsv' <<<"$line"
printf '{"jsonrpc":"2.0","id":%s,"result":{"content":"since Monday"}}\n' "$(jq -c .id <<<"$line")" >&4
next
jq -r .result.text <<<"$line"
#> 0.5.2
#> tool/execute	uptime
#> It is up since Monday.
