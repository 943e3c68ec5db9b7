#!/bin/sh
# Sessions over HTTP, and the events of one as they come: curl and jq are the client.
set -eu
rkat-serve --rest-unix ./api --realm demo 2>server.log &
server=$!
trap 'kill $server' EXIT
get() { path=$1; shift; curl -sS --fail --unix-socket ./api "http://localhost$path" "$@"; }
until [ -S ./api ]; do sleep 0.1; done

id=$(get /sessions --json '{"prompt":"Hello.","labels":{"from":"curl"}}' | jq -r .session_id)
# From its first event on; without Last-Event-ID from now on.  It ends with the run.
get "/sessions/$id/events" -N -H 'Last-Event-ID: 0' |
	sed -n 's/^data: //p; /^event: run_completed/,/^$/{/^$/q}' |
	jq -r 'select(.payload.type == "text_delta") | .payload.delta'
get "/sessions/$id/messages" --json '{"prompt":"And again."}' | jq -r .text
get '/sessions?label=from%3Dcurl' | jq '.sessions[].message_count'
get "/sessions/$id/history?offset=1" | jq -r '.messages[] | .role'
#> You said: Hello.
#> You said: And again.
#> 5
#> user
#> block_assistant
#> user
#> block_assistant
