#!/bin/sh
# What other machines and cron know, pushed by curl: it is on disk when it is answered,
# and the session takes it up when it next runs.
set -eu
export RKAT_WEBHOOK_SECRET=some-long-secret
rkat-serve --rest-unix ./api --realm watch 2>server.log &
server=$!
trap 'kill $server' EXIT
until [ -S ./api ]; do sleep 0.1; done
url() { path=$1; shift; curl -sS --unix-socket ./api "http://localhost$path" "$@"; }
id=$(url /sessions --json '{"prompt":"Watch the backups."}' | jq -r .session_id)

push() {
	url "/sessions/$id/external-events" --json "$1" \
		-H "X-Webhook-Secret: $RKAT_WEBHOOK_SECRET"
}
push '{"kind":"generic_json","event_type":"backup","payload":{"host":"db1","ok":false}}' | jq -c .
url "/sessions/$id/external-events" --json '{}' -H 'X-Webhook-Secret: wrong' | jq -r .code

# The same with rkat-session, without a server: it is one database.
rkat-session --realm watch inputs "$id" | jq -c .body.payload.host
url "/sessions/$id/messages" --json '{"prompt":"What is new?"}' | jq -r .text | grep -o 'db1\|What is new.*'
#> {"queued":true}
#> UNAUTHORIZED
#> "db1"
#> db1
#> What is new?
