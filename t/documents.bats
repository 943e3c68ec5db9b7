# The curl and JSON-RPC lines of the user documents, as they stand there but for the
# port and the session's id.  Those for Python and TypeScript: t/python.bats, t/node.bats.
load helper

local_setup() {
	sim echo
	rkat-serve --realm team-alpha --instance api-1 --rest=127.0.0.1:0 2>"$T/err" 3>&- &
	SERVER=$!
	wait_for grep -q 'listening on' "$T/err"
	AT=$(grep -oE '127\.0\.0\.1:[0-9]+' "$T/err")
	export CURL_HOME=$T
	printf 'silent\nshow-error\nmax-time = 20\nconnect-to = "localhost:8080:%s"\n' "$AT" >"$T/.curlrc"
}
local_teardown() { { kill "$SERVER"; wait "$SERVER"; } 2>/dev/null || :; }

# create: a session; its id is $ID.
create() {
	ID=$(curl -X POST http://localhost:8080/sessions \
	  -H "Content-Type: application/json" \
	  -d '{"prompt": "What is the capital of France?", "model": "claude-sonnet-4-5"}' | tee out | jq -r .session_id)
	[ "${#ID}" -eq 36 ]
}

@test "documents: create, continue, list, read, interrupt, archive by curl" {
	create
	same "$(jq -r .text out)" "You said: What is the capital of France?"
	same "$(curl -X POST "http://localhost:8080/sessions/$ID/messages" \
	  -H "Content-Type: application/json" \
	  -d '{
	"session_id": "'"$ID"'",
	"prompt": "Now explain it in more detail"
	}' | jq -r .text)" "You said: Now explain it in more detail"
	same "$(curl http://localhost:8080/sessions | jq -r '.sessions[].session_id')" "$ID"
	same "$(curl "http://localhost:8080/sessions/$ID" | jq .message_count)" 5
	same "$(curl -X POST "http://localhost:8080/sessions/$ID/interrupt" | jq .interrupted)" true
	same "$(curl -X DELETE "http://localhost:8080/sessions/$ID" | jq .archived)" true
	same "$(curl http://localhost:8080/sessions | jq -c .sessions)" '[]'
}

@test "documents: watch a turn by curl -N, connected before it starts" {
	create
	curl -N "http://localhost:8080/sessions/$ID/events" >events &
	WATCH=$!
	wait_for grep -q '^event: session_loaded' events
	curl -X POST "http://localhost:8080/sessions/$ID/messages" -H "Content-Type: application/json" \
	    -d '{"session_id":"'"$ID"'","prompt":"Tell me a story"}' >/dev/null
	wait_for grep -q '^event: run_completed' events
	grep -q '^event: text_delta' events
	kill "$SERVER"
	wait "$WATCH"
	same "$(grep '^event' events | tail -n 1)" "event: done"
}

@test "documents: a model of another provider, structured output, config with a generation" {
	same "$(curl -X POST http://localhost:8080/sessions \
	  -H "Content-Type: application/json" \
	  -d '{"prompt":"Explain monads","model":"gpt-5.2","provider":"openai","provider_params":{"temperature":0.7}}' | jq -r .text)" \
	    "You said: Explain monads"
	curl http://localhost:8080/config >config
	same "$(curl -X PUT http://localhost:8080/config \
	  -H "Content-Type: application/json" \
	  -d '{"config": {"agent": {"model": "gpt-5.2"}}, "expected_generation": '"$(jq .generation config)"'}' | jq -r .config.agent.model)" gpt-5.2
	same "$(curl -X PATCH http://localhost:8080/config \
	  -H "Content-Type: application/json" \
	  -d '{"patch": {"agent": {"model": "gpt-5.4"}}}' | jq -r .config.agent.model)" gpt-5.4
}

@test "documents: an event from outside waits for the next turn" {
	create
	same "$(curl -X POST "http://localhost:8080/sessions/$ID/external-events" \
	  -H "Content-Type: application/json" \
	  -d '{
	    "kind": "generic_json",
	    "event_type": "deploy_complete",
	    "payload": {
	      "environment": "prod",
	      "release": "2026.04.21"
	    }
	  }' | jq -c .)" '{"queued":true}'
	has "$(curl -X POST "http://localhost:8080/sessions/$ID/messages" -H "Content-Type: application/json" \
	    -d '{"prompt":"What happened?"}' | jq -r .text)" 2026.04.21
}

@test "documents: the same over JSON-RPC, a realm and an instance given" {
	create
	{
		echo '{"jsonrpc": "2.0", "id": 2, "method": "turn/start", "params": {"session_id": "'"$ID"'", "prompt": "Now explain it in more detail"}}'
		echo '{"jsonrpc": "2.0", "id": 3, "method": "session/list"}'
		echo '{"jsonrpc": "2.0", "id": 4, "method": "session/read", "params": {"session_id": "'"$ID"'"}}'
		echo '{"jsonrpc": "2.0", "id": 6, "method": "turn/interrupt", "params": {"session_id": "'"$NOBODY"'"}}'
		echo '{"jsonrpc": "2.0", "id": 7, "method": "session/create", "params": {"prompt": "Hello", "model": "gpt-5.2", "provider": "openai", "provider_params": {"reasoning_effort": "high"}}}'
	} | rkat-rpc --realm team-alpha --realm-backend sqlite --instance worker-1 --state-root "$RKAT_STATE_ROOT" >lines
	same "$(jq -r 'select(.id == 2) | .result.text' lines)" "You said: Now explain it in more detail"
	same "$(jq -r 'select(.id == 3) | .result.sessions[].session_id' lines | grep -c "$ID")" 1
	same "$(jq -r 'select(.id == 4) | .result.session_id' lines)" "$ID"
	same "$(jq -c 'select(.id == 6) | .error.code' lines)" -32602
	same "$(jq -r 'select(.id == 7) | .result.text' lines)" "You said: Hello"
	printf '{"jsonrpc": "2.0", "id": 5, "method": "session/archive", "params": {"session_id": "%s"}}\n' "$ID" |
	    rkat-rpc --realm team-alpha >lines
	same "$(jq -r .result.archived lines)" true
}
