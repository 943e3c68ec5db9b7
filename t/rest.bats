load helper

# rest [ARGS]: rkat-rest on a free port; its address is $URL.
rest() {
	: >"$T/err"	# of one before
	rkat-rest --rest=127.0.0.1:0 "$@" >"$T/out" 2>"$T/err" 3>&- &
	R=$!
	wait_for grep -q 'http://' "$T/err"
	URL=$(grep -o 'http://[0-9.:]*' "$T/err" | head -n 1)
}
local_teardown() { { kill "$R"; wait "$R"; } 2>/dev/null || :; }

# req METHOD PATH [BODY [CURL ARGS]]: the status to $S, the body printed and in $T/body.
req() {
	local m=$1 p=$2 b=${3-}
	shift $(($# < 3 ? $# : 3))
	curl -sS --globoff -m 20 -o "$T/body" -D "$T/head" -w '%{http_code}' -X "$m" ${b:+-H 'Content-Type: application/json' -d "$b"} "$@" "$URL$p" >"$T/status"
	cat "$T/body"
}
status() { cat "$T/status"; }
# new PROMPT: a session; its id is $ID.
new() {
	ID=$(req POST /sessions "{\"prompt\":\"$1\"}" | jq -r .session_id)
	[ "${#ID}" -eq 36 ]
}
# is STATUS BODY
is() {
	same "$(status)" "$1"
	same "$(cat "$T/body")" "$2"
}
# fits NAME: the body is one of the contract's wire types.
fits() {
	[ -d "$CONTRACT" ] && [ -x "$B/t/tool/schema_check" ] || return 0
	jq -c . "$T/body" >"$T/fits"
	"$B/t/tool/schema_check" -s "$CONTRACT/wire-types.json!$1" "$T/fits"
}
slow() { sim_script '{"match":{"user":"slow"},"reply":{"text":"abcdefghij","chunk":1,"hang_after":4}}' '{"reply":{"text":"fine"}}'; }
NONE=00000000-0000-7000-8000-000000000000
field() { jq -c --arg id "$ID" "$1" "$T/body" | sed "s/$ID/ID/g"; }

@test "rest: a session is made, runs, and answers as the contract says" {
	sim echo
	rest
	req POST /sessions '{"prompt":"hi","labels":{"env":"prod"},"verbose":true,"nobody":{"knows":1},"initial_turn":"deferred"}' >/dev/null
	same "$(status)" 200
	ID=$(jq -r .session_id "$T/body")
	same "$(field '[.session_id, .session_ref, .text, .turns, .tool_calls, (.usage | keys | map(select(startswith("cache") | not))), .structured_output]')" \
	    '["ID","test:ID","You said: hi",1,0,["input_tokens","output_tokens","total_tokens"],null]'
	has "$(cat "$T/head")" 'application/json'
	req POST "/sessions/$ID/messages" '{"prompt":[{"type":"text","text":"again"}]}' >/dev/null
	same "$(field '[.session_id, .text]')" '["ID","You said: again"]'
	req POST "/sessions/$ID/messages" "{\"session_id\":\"test:$ID\",\"prompt\":\"more\",\"keep_alive\":false}" >/dev/null
	same "$(field .text)" '"You said: more"'
}

@test "rest: bodies that are no bodies, each in its way, before anything is looked for" {
	rest
	local p
	for p in /sessions "/sessions/$NONE/messages"; do
		req POST $p '' -H 'Content-Type: text/plain' -d '{}' >/dev/null
		is 415 'Expected request with `Content-Type: application/json`'
		req POST $p '{"prompt":' >/dev/null
		same "$(status)" 400
		has "$(cat "$T/body")" 'Failed to parse the request body as JSON: '
		req POST $p '{}' >/dev/null
		is 422 'Failed to deserialize the JSON body into the target type: missing field `prompt` at line 1 column 2'
		req POST $p '{"prompt":"a","prompt":"b"}' >/dev/null
		is 422 'Failed to deserialize the JSON body into the target type: duplicate field `prompt`'
		req POST $p '[]' >/dev/null
		same "$(status)" 422
	done
	for p in '"prompt":7' '"prompt":null' '"prompt":[1]' '"prompt":"x","max_tokens":-1' '"prompt":"x","max_tokens":"1"' '"prompt":"x","model":{}' \
	    '"prompt":"x","provider":"nobody"' '"prompt":"x","labels":{"a":1}' '"prompt":"x","enable_shell":"yes"' '"prompt":"x","output_schema":"s"' \
	    '"prompt":"x","budget_limits":3' '"prompt":"x","additional_instructions":[1]' '"prompt":"x","max_tokens":4294967296'; do
		req POST /sessions "{$p}" >/dev/null
		same "$p $(status)" "$p 422"
		has "$(head -n 1 "$T/head") $(cat "$T/head")" 'text/plain'
	done
	same "$(db 'SELECT count(*) FROM sessions')" 0
}

@test "rest: what is told of sessions: list, labels, pages, one, history" {
	sim echo
	rest
	req POST /sessions '{"prompt":"a","labels":{"env":"prod","n":"1"}}' >/dev/null
	A=$(jq -r .session_id "$T/body")
	new b
	req GET /sessions >/dev/null
	same "$(jq -c '[.sessions[] | [.session_id, (.created_at | type), .message_count, .is_active, .labels]]' "$T/body" | sed "s/$ID/B/; s/$A/A/")" \
	    '[["B","number",3,false,null],["A","number",3,false,{"env":"prod","n":"1"}]]'
	jq -c '.sessions[]' "$T/body" >"$T/rows"
	cp "$T/rows" "$T/body" && fits WireSessionSummary
	same "$(req GET '/sessions?label=env%3Dprod&label=n%3D1' | jq -c '[.sessions[].session_id]')" "[\"$A\"]"
	same "$(req GET '/sessions?label=n%3D7&label=n%3D1' | jq -c '[.sessions[].session_id]')" "[\"$A\"]"
	same "$(req GET '/sessions?label=env%3Dtest' | jq -c .sessions)" '[]'
	same "$(req GET '/sessions?limit=1&offset=1' | jq -c '[.sessions[].session_id]')" "[\"$A\"]"
	same "$(req GET '/sessions?offset=9' | jq -c .sessions)" '[]'
	req GET '/sessions?label=env' >/dev/null
	is 400 '{"error":"malformed label filter, expected key=value: env","code":"BAD_REQUEST"}'
	for n in x 1e3 1.0 %201 -1 '' 99999999999999999999; do
		req GET "/sessions?limit=$n" >/dev/null
		is 400 'Failed to deserialize query string: limit: invalid digit found in string'
	done

	req GET "/sessions/$A" >/dev/null
	same "$(jq -c 'keys' "$T/body")" '["created_at","labels","message_count","session_id","session_ref","total_tokens","updated_at"]'
	jq -e '.created_at | test("^20[0-9-]+T[0-9:]+([.][0-9]{3})?[+]00:00$")' "$T/body"
	req GET "/sessions/$ID/history?offset=1&limit=1" >/dev/null
	fits WireSessionHistory
	same "$(field '[.session_id, .session_ref, .message_count, .offset, .limit, .has_more, .messages]')" \
	    '["ID","test:ID",3,1,1,true,[{"role":"user","content":"b"}]]'
	req GET "/sessions/$ID/history?offset=99" >/dev/null
	same "$(field '[.offset, .has_more, .messages, has("limit")]')" '[3,false,[],false]'
	req GET "/sessions/$ID/history?limit=0" >/dev/null
	same "$(field '[.limit, .has_more, .messages]')" '[0,true,[]]'
}

@test "rest: every form of a session's name, and what is wrong with the others" {
	sim echo
	rest
	new x
	local hex=${ID//-/} n
	for n in "$ID" "${ID^^}" "$hex" "%7B$ID%7D" "urn:uuid:$ID" "test:$ID" "test:$hex"; do
		same "$n $(req GET "/sessions/$n" | jq -r .session_id)" "$n $ID"
	done
	req GET /sessions/not-a-session >/dev/null
	is 400 "{\"error\":\"Invalid session locator 'not-a-session': invalid session id in session locator: not-a-session\",\"code\":\"BAD_REQUEST\"}"
	for n in :: :x r:; do
		req GET "/sessions/$n" >/dev/null
		is 400 "{\"error\":\"Invalid session locator '$n': invalid session locator: expected <session_id> or <realm_id>:<session_id>\",\"code\":\"BAD_REQUEST\"}"
	done
	req GET "/sessions/bad%20realm:$ID" >/dev/null
	is 400 "{\"error\":\"Invalid session locator 'bad realm:$ID': invalid realm id in session locator: bad realm\",\"code\":\"BAD_REQUEST\"}"
	req DELETE "/sessions/other:$ID" >/dev/null
	is 400 "{\"error\":\"Session locator realm 'other' does not match active realm 'test'\",\"code\":\"BAD_REQUEST\"}"
	req POST "/sessions/$ID/messages" "{\"session_id\":\"$NONE\",\"prompt\":\"x\"}" >/dev/null
	is 400 "{\"error\":\"Session ID mismatch: path=$ID body=$NONE\",\"code\":\"BAD_REQUEST\"}"
	for n in "GET /sessions/$NONE" "DELETE /sessions/$NONE" "GET /sessions/$NONE/history" "POST /sessions/$NONE/interrupt"; do
		req $n >/dev/null
		is 404 "{\"error\":\"Session not found: $NONE\",\"code\":\"NOT_FOUND\"}"
	done
	req POST "/sessions/$NONE/messages" '{"prompt":"x"}' >/dev/null
	is 404 "{\"error\":\"Session not found: $NONE\",\"code\":\"NOT_FOUND\"}"
}

@test "rest: an archived session can be read, and nothing else" {
	sim echo
	rest
	new x
	req DELETE "/sessions/$ID" >/dev/null
	is 200 "{\"archived\":true,\"session_id\":\"$ID\"}"
	req DELETE "/sessions/$ID" >/dev/null
	is 404 "{\"error\":\"Session not found: $ID\",\"code\":\"NOT_FOUND\"}"
	same "$(req GET /sessions)" '{"sessions":[]}'
	same "$(req GET "/sessions/$ID" | jq -r .session_id)" "$ID"
	same "$(req GET "/sessions/$ID/history" | jq .message_count)" 3
	req POST "/sessions/$ID/messages" '{"prompt":"x"}' >/dev/null
	same "$(status)" 404
	req POST "/sessions/$ID/external-events" '{}' >/dev/null
	is 404 "{\"error\":\"Session not found: $ID\"}"
}

@test "rest: a first turn that fails leaves its session, which goes on" {
	sim_script '{"match":{"user":"bad"},"reply":{"status":400,"error":{"type":"invalid_request_error","message":"no such thing"}}}' '{"reply":{"text":"fine"}}'
	rest
	req POST /sessions '{"prompt":"bad"}' >/dev/null
	same "$(status)" 500
	ID=$(jq -r .details.session_id "$T/body")
	same "$(field '[.code, .details]')" '["SESSION_CREATED_WITH_TURN_FAILURE",{"resumable":true,"session_created":true,"session_id":"ID","session_ref":"test:ID"}]'
	has "$(field .error)" 'turn abandoned: '
	same "$(req GET /sessions | jq '.sessions | length')" 1
	req POST "/sessions/$ID/messages" '{"prompt":"bad"}' >/dev/null
	same "$(status) $(field '[.code, .details]')" '500 ["INTERNAL_ERROR",null]'
	has "$(field .error)" 'turn abandoned: '
	same "$(req POST "/sessions/$ID/messages" '{"prompt":"good"}' | jq -r .text)" fine
}

@test "rest: what cannot be built is no session" {
	rest
	req POST /sessions '{"prompt":"x"}' >/dev/null
	same "$(status) $(jq -r .code "$T/body")" '500 AGENT_ERROR'
	has "$(jq -r .error "$T/body")" 'agent error: Build error: '
	req POST /sessions '{"prompt":"x","model":"no-such-model"}' >/dev/null
	same "$(status) $(jq -r .code "$T/body")" '500 AGENT_ERROR'
	same "$(req GET /sessions)" '{"sessions":[]}'
}

@test "rest: what nothing here honours is refused, not left out" {
	sim echo
	rest
	local l
	for l in mob_id role meerkat_id; do
		req POST /sessions "{\"prompt\":\"x\",\"peer_meta\":{\"labels\":{\"$l\":\"x\"}}}" >/dev/null
		is 400 "{\"error\":\"peer_meta label '$l' is reserved for mob-managed sessions\",\"code\":\"BAD_REQUEST\"}"
	done
	req POST /sessions '{"prompt":"x","keep_alive":true,"comms_name":" "}' >/dev/null
	is 400 '{"error":"keep_alive requires comms_name","code":"BAD_REQUEST"}'
	for l in '"skill_refs":["a/b"]' '"preload_skills":["a/b"]'; do
		req POST /sessions "{\"prompt\":\"x\",$l}" >/dev/null
		same "$l $(status) $(jq -r .code "$T/body")" "$l 501 CAPABILITY_UNAVAILABLE"
	done
	same "$(db 'SELECT count(*) FROM sessions')" 0
	new x
	req POST "/sessions/$ID/messages" '{"prompt":"x","keep_alive":true}' >/dev/null
	is 400 '{"error":"keep_alive requires comms_name","code":"BAD_REQUEST"}'
	req GET /skills >/dev/null
	is 404 '{"error":"skills not enabled","code":"NOT_FOUND"}'
	for l in "POST /sessions/$ID/mcp/add" 'GET /schedules' 'POST /mob/m/spawn-helper' 'GET /sessions/'; do
		req $l >/dev/null
		is 404 ''
	done
	req PATCH "/sessions/$ID" >/dev/null
	is 405 ''
	has "$(tr 'A-Z' 'a-z' <"$T/head")" 'allow: '
}

@test "rest: a turn changes what its session is made of, for good" {
	sim echo
	rest
	new one
	req POST "/sessions/$ID/messages" '{"prompt":"two","model":"claude-opus-4-6","max_tokens":77,"system_prompt":"SYS","structured_output_retries":5}' >/dev/null
	same "$(status)" 200
	req POST "/sessions/$ID/messages" '{"prompt":"three"}' >/dev/null
	same "$(jq -sc '[.[] | select(.format == "anthropic")][-1].body | [.model, .max_tokens, (.messages | length)]' "$T/sim.log")" '["claude-opus-4-6",77,5]'
	has "$(tail -n 1 "$T/sim.log")" SYS
	same "$(db "SELECT json_extract(meta, '\$.structured_output_retries') FROM sessions")" 5
	req POST "/sessions/$ID/messages" '{"prompt":"four","provider":"openai","model":"gpt-5.4"}' >/dev/null
	same "$(status) $(tail -n 1 "$T/sim.log" | jq -c '[.format, .body.model]')" '200 ["openai","gpt-5.4"]'
	req POST "/sessions/$ID/messages" '{"prompt":"five","provider":"open_a_i"}' >/dev/null
	same "$(status)" 200
	req POST "/sessions/$ID/messages" '{"prompt":"six","max_tokens":0}' >/dev/null
	same "$(status) $(jq -r .code "$T/body")" '400 BAD_REQUEST'
	req POST "/sessions/$ID/messages" '{"prompt":"seven","additional_instructions":["be brief"]}' >/dev/null
	has "$(tail -n 1 "$T/sim.log")" '[SYSTEM NOTICE: be brief]'
}

@test "rest: two turns on one session: the second waits, both are answered" {
	sim_script '{"match":{"user":"slow","has_tool_result":false},"reply":{"tool_calls":[{"id":"a","name":"shell","args":{"command":"touch began; while [ ! -e go ]; do sleep 0.02; done"}}]}}' \
	    '{"match":{"has_tool_result":true},"reply":{"text":"one"}}' '{"reply":{"text":"two"}}'
	rest
	ID=$(req POST /sessions '{"prompt":"x","enable_builtins":true,"enable_shell":true}' | jq -r .session_id)
	curl -sS -d '{"prompt":"slow"}' -H 'Content-Type: application/json' "$URL/sessions/$ID/messages" >"$T/first" 3>&- &
	P=$!
	wait_for test -e began
	same "$(req GET "/sessions" | jq '.sessions[0].is_active')" true
	curl -sS -d '{"prompt":"b"}' -H 'Content-Type: application/json' "$URL/sessions/$ID/messages" >"$T/second" 3>&- &
	P2=$!
	wait_for waiting 1
	touch go
	wait "$P" "$P2"
	same "$(jq -r .text "$T/first")" one
	same "$(jq -r .text "$T/second")" two
	same "$(req GET "/sessions/$ID/history" | jq -c '[.messages[] | select(.role == "user").content]')" '["x","slow","b"]'
}

waiting() { curl -s "$URL/metrics" | grep -qx "rkat_turns_waiting $1"; }

@test "rest: a running turn is interrupted; an idle session takes it, too" {
	slow
	rest
	new x
	req POST "/sessions/$ID/interrupt" >/dev/null
	is 200 "{\"interrupted\":true,\"session_id\":\"$ID\"}"
	curl -sS -d '{"prompt":"slow"}' -H 'Content-Type: application/json' "$URL/sessions/$ID/messages" >"$T/first" 3>&- &
	P=$!
	wait_for grep -q slow "$T/sim.log"
	req POST "/sessions/$ID/interrupt" >/dev/null
	wait "$P"
	same "$(jq -r .code "$T/first")" INTERNAL_ERROR
	same "$(req POST "/sessions/$ID/messages" '{"prompt":"b"}' | jq -r .text)" fine
}

@test "rest: a request with an id can be cancelled: while it waits, while it runs, not afterwards" {
	slow
	rest
	new x
	req POST /requests/r1/cancel >/dev/null
	is 404 '{"error":"request not found: r1","code":"NOT_FOUND"}'
	curl -sS -d '{"prompt":"slow"}' -H 'Content-Type: application/json' -H 'X-Meerkat-Request-Id:  r1 ' "$URL/sessions/$ID/messages" >"$T/first" 3>&- &
	P=$!
	wait_for grep -q slow "$T/sim.log"
	curl -sS -d '{"prompt":"later"}' -H 'Content-Type: application/json' -H 'X-Meerkat-Request-Id: r2' -w '%{http_code}' "$URL/sessions/$ID/messages" >"$T/second" 3>&- &
	P2=$!
	wait_for cancel r2
	wait "$P2"
	same "$(cat "$T/second")" '{"error":"request cancelled","code":"REQUEST_CANCELLED"}499'
	req POST "/sessions/$ID/messages" '{"prompt":"y"}' -H 'X-Meerkat-Request-Id: r1' >/dev/null
	is 409 '{"error":"request ID already in flight: r1","code":"DUPLICATE_REQUEST_ID"}'
	req POST /requests/r1/cancel >/dev/null
	is 200 '{"cancelled":true,"request_id":"r1"}'
	wait "$P"
	same "$(jq -r .code "$T/first")" INTERNAL_ERROR
	req POST /requests/r1/cancel >/dev/null
	same "$(status)" 404
	req POST "/sessions/$ID/messages" '{"prompt":"y"}' -H 'X-Meerkat-Request-Id: r1' >/dev/null
	same "$(status) $(jq -r .text "$T/body")" '200 fine'
	same "$(req GET "/sessions/$ID" | jq -r .session_id)" "$ID"
	req POST /sessions '{"prompt":"y"}' -H 'X-Meerkat-Request-Id;' >/dev/null
	is 400 '{"error":"X-Meerkat-Request-Id must not be empty","code":"BAD_REQUEST"}'
	req POST /sessions '{"prompt":"y"}' -H $'X-Meerkat-Request-Id: \xc3\xa9' >/dev/null
	is 400 '{"error":"X-Meerkat-Request-Id must be valid UTF-8","code":"BAD_REQUEST"}'
}
cancel() { req POST "/requests/$1/cancel" | grep -q true; }

@test "rest: a create that is cancelled while it runs leaves its session, resumable" {
	slow
	rest
	curl -sS -d '{"prompt":"slow"}' -H 'Content-Type: application/json' -H 'X-Meerkat-Request-Id: c' "$URL/sessions" >"$T/first" 3>&- &
	P=$!
	wait_for grep -q slow "$T/sim.log"
	req POST /requests/c/cancel >/dev/null
	wait "$P"
	same "$(jq -c '[.code, .details.resumable]' "$T/first")" '["SESSION_CREATED_WITH_TURN_FAILURE",true]'
	ID=$(jq -r .details.session_id "$T/first")
	same "$(req POST "/sessions/$ID/messages" '{"prompt":"b"}' | jq -r .text)" fine
}

@test "rest: a turn goes on when its client leaves; its result is in the history" {
	sim_script '{"match":{"user":"slow"},"reply":{"text":"late","first_delay_ms":500}}' '{"reply":{"text":"fine"}}'
	rest
	new x
	curl -sS -d '{"prompt":"slow"}' -H 'Content-Type: application/json' "$URL/sessions/$ID/messages" >/dev/null 2>&1 3>&- &
	wait_for grep -q slow "$T/sim.log"
	kill $!
	wait_for said late
}
said() { req GET "/sessions/$ID/history" | grep -q "$1"; }

@test "rest: system context is staged once and told with the next turn" {
	sim echo
	rest
	new x
	req POST "/sessions/$ID/system_context" '{"text":" be kind ","source":"boss","idempotency_key":"k"}' >/dev/null
	is 200 "{\"session_id\":\"$ID\",\"status\":\"staged\"}"
	req POST "/sessions/$ID/system_context" '{"text":"be kind","source":"boss","idempotency_key":"k"}' >/dev/null
	is 200 "{\"session_id\":\"$ID\",\"status\":\"duplicate\"}"
	req POST "/sessions/$ID/system_context" '{"text":"be rude","source":"boss","idempotency_key":"k"}' >/dev/null
	is 409 "{\"error\":\"system-context idempotency conflict for key 'k'\",\"code\":\"CONFLICT\"}"
	req POST "/sessions/$ID/system_context" '{"text":"  "}' >/dev/null
	is 400 '{"error":"system context text must not be empty","code":"BAD_REQUEST"}'
	req POST "/sessions/$NONE/system_context" '{"text":"x"}' >/dev/null
	is 404 '{"error":"Session not found","code":"NOT_FOUND"}'
	req POST "/sessions/$ID/system_context" '{}' >/dev/null
	same "$(status)" 422
	req POST "/sessions/$ID/messages" '{"prompt":"y"}' >/dev/null
	has "$(tail -n 1 "$T/sim.log")" 'be kind'
}

@test "rest: an event from outside is queued, wakes nobody, and is told with the next turn" {
	sim echo
	export RKAT_WEBHOOK_SECRET=s3cret
	rest
	new x
	local calls
	calls=$(grep -c '' "$T/sim.log")
	for h in 'X-Nothing: 1' 'X-Webhook-Secret: s3creT' 'X-Webhook-Secret: s3cre' 'X-Webhook-Secret: s3cret2'; do
		req POST "/sessions/$ID/external-events" 'no json' -H "$h" >/dev/null
		is 401 '{"error":"invalid webhook secret","code":"UNAUTHORIZED"}'
	done
	req POST "/sessions/$ID/external-events" 'no json' -H 'X-Webhook-Secret: s3cret' >/dev/null
	same "$(status)" 400
	req POST "/sessions/$ID/external-events" '{"kind":"generic_json","event_type":"deploy_complete","payload":{"body":"prod is live"}}' -H 'X-Webhook-Secret: s3cret' >/dev/null
	is 202 '{"queued":true}'
	for b in '{"body":"raw"}' '[1]' 'null' '"text"' '{"kind":"other","payload":9007199254740993}'; do
		req POST "/sessions/$ID/external-events" "$b" -H 'X-Webhook-Secret: s3cret' >/dev/null
		same "$b $(status)" "$b 202"
	done
	same "$(db "SELECT count(*) FROM inputs WHERE state = 'queued'")" 6
	same "$(grep -c '' "$T/sim.log")" "$calls"
	req POST "/sessions/$NONE/external-events" '{}' -H 'X-Webhook-Secret: s3cret' >/dev/null
	is 404 "{\"error\":\"Session not found: $NONE\"}"
	req POST "/sessions/nope/external-events" '{}' -H 'X-Webhook-Secret: s3cret' >/dev/null
	same "$(status) $(jq -r .code "$T/body")" '400 BAD_REQUEST'
	req POST "/sessions/$ID/messages" '{"prompt":"y"}' >/dev/null
	has "$(cat "$T/sim.log")" '[EVENT via webhook]'
	has "$(cat "$T/sim.log")" 'prod is live'
	has "$(cat "$T/sim.log")" 9007199254740993
	lacks "$(cat "$T/err" "$T/sim.log")" s3cret
}

@test "rest: the configuration is read, patched and replaced, if nobody was faster" {
	rest
	req GET /config >/dev/null
	same "$(jq -c 'keys' "$T/body")" '["backend","config","generation","instance_id","realm_id"]'
	same "$(jq -c '[.realm_id, .instance_id, .backend]' "$T/body")" '["test",null,"sqlite"]'
	G=$(jq .generation "$T/body")
	same "$(req PATCH /config '{"patch":{"agent":{"max_tokens_per_turn":1234}},"expected_generation":'"$G"'}' | jq -c '[.generation, .config.agent.max_tokens_per_turn]')" "[$((G + 1)),1234]"
	req PATCH /config '{"patch":{"agent":{"max_tokens_per_turn":1}},"expected_generation":'"$G"'}' >/dev/null
	is 400 "{\"error\":\"Generation conflict: expected $G, current $((G + 1))\",\"code\":\"BAD_REQUEST\"}"
	same "$(req PATCH /config '{"agent":{"max_tokens_per_turn":99}}' | jq .config.agent.max_tokens_per_turn)" 99
	same "$(req PUT /config '{"agent":{"max_tokens_per_turn":7}}' | jq .config.agent.max_tokens_per_turn)" 7
	same "$(req PUT /config '{"config":{"agent":{"max_tokens_per_turn":8}},"expected_generation":null}' | jq .config.agent.max_tokens_per_turn)" 8
	req PATCH /config '{"agent":{"max_tokens_per_turn":"x"}}' >/dev/null
	is 400 '{"error":"Invalid patch: agent.max_tokens_per_turn: want a whole number from 0 to 4294967295","code":"BAD_REQUEST"}'
	for b in '[]' '{"config":5}' '{"config":{},"expected_generation":"x"}'; do
		req PUT /config "$b" >/dev/null
		same "$b $(status)" "$b 422"
	done
	req PATCH /config 1 >/dev/null
	same "$(status)" 422
	req PUT /config '{"agent":{"max_tokens_per_turn":"x"}}' >/dev/null
	same "$(status) $(jq -r .code "$T/body")" '400 BAD_REQUEST'
	has "$(jq -r .error "$T/body")" 'Invalid config: '
	same "$(req GET /config | jq .config.agent.max_tokens_per_turn)" 8
}

@test "rest: paths are told only when asked for" {
	rest --expose-paths
	same "$(req GET /config | jq -c '.resolved_paths | keys')" '["config_path","manifest_path","root","sessions_jsonl_dir","sessions_sqlite_path"]'
}

@test "rest: capabilities and models are what JSON-RPC tells" {
	rest
	same "$(req GET /capabilities | jq -c .contract_version)" '{"major":0,"minor":5,"patch":2}'
	req GET /models/catalog >/dev/null
	same "$(jq -c '[.contract_version.minor, (.providers | map(.provider))]' "$T/body")" "$(printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"models/catalog"}' | rkat-rpc | jq -c '.result | [.contract_version.minor, (.providers | map(.provider))]')"
}

@test "rest: a blob is given as the bytes that it is" {
	sim echo
	rest
	req POST /sessions '{"prompt":[{"type":"text","text":"look"},{"type":"image","media_type":"image/png","data":"iVBORw0KGgo="}]}' >/dev/null
	same "$(status)" 200
	ID=$(jq -r .session_id "$T/body")
	BLOB=$(req GET "/sessions/$ID/history" | jq -r '.messages[1].content[1].blob_id')
	req GET "/blobs/$BLOB" >/dev/null
	same "$(status) $(base64 <"$T/body")" '200 iVBORw0KGgo='
	has "$(tr 'A-Z' 'a-z' <"$T/head")" 'content-type: image/png'
	has "$(tr 'A-Z' 'a-z' <"$T/head")" 'x-content-type-options: nosniff'
	NO=sha256:$(printf '0%.0s' $(seq 64))
	req GET "/blobs/$NO" >/dev/null
	is 404 "{\"error\":\"blob not found: $NO\",\"code\":\"NOT_FOUND\"}"
	req GET /blobs/..%2F..%2Frealm.sqlite3 >/dev/null
	same "$(status)" 400
}

@test "rest: a create that is cancelled before its turn leaves nothing" {
	slow
	rest --workers 1
	curl -sS -d '{"prompt":"slow"}' -H 'Content-Type: application/json' "$URL/sessions" >"$T/first" 3>&- &
	P=$!
	wait_for grep -q slow "$T/sim.log"
	curl -sS -d '{"prompt":"x"}' -H 'Content-Type: application/json' -H 'X-Meerkat-Request-Id: c' -w '%{http_code}' "$URL/sessions" >"$T/second" 3>&- &
	P2=$!
	wait_for cancel c
	wait "$P2"
	same "$(cat "$T/second")" '{"error":"request cancelled","code":"REQUEST_CANCELLED"}499'
	same "$(req GET /sessions | jq '.sessions | length')" 1
	kill "$P"
}

@test "rest: hooks of a turn are its session's from then on" {
	sim echo
	rest
	new x
	req POST "/sessions/$ID/messages" '{"prompt":"y","hooks_override":{"entries":[{"id":"no","point":"run_started","runtime":{"type":"command","command":"echo","args":["{\"decision\":{\"decision\":\"deny\",\"hook_id\":\"no\",\"reason_code\":\"policy_violation\",\"message\":\"not today\"}}"]}}]}}' >/dev/null
	same "$(status) $(jq -r .code "$T/body")" '500 INTERNAL_ERROR'
	has "$(jq -r .error "$T/body")" 'not today'
	req POST "/sessions/$ID/messages" '{"prompt":"z"}' >/dev/null
	same "$(status)" 500
	req POST "/sessions/$ID/messages" '{"prompt":"z","hooks_override":{}}' >/dev/null
	same "$(status)" 200
	req POST "/sessions/$ID/messages" '{"prompt":"z","hooks_override":{"entries":7}}' >/dev/null
	same "$(status) $(jq -r .code "$T/body")" '400 BAD_REQUEST'
}

@test "rest: structured output, tools left out for a turn, budgets in both forms" {
	sim_script '{"match":{"system":"JSON"},"reply":{"text":"{\"n\":1}"}}' '{"reply":{"text":"{\"n\":1}"}}'
	rest
	req POST /sessions '{"prompt":"x","output_schema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]},"budget_limits":{"max_tokens":50000,"max_duration_secs":30,"max_tool_calls":null}}' >/dev/null
	same "$(status) $(jq -c .structured_output "$T/body")" '200 {"n":1}'
	same "$(db "SELECT json_extract(build, '\$.budget_limits') FROM sessions")" '{"max_tokens":50000,"max_duration":{"secs":30,"nanos":0},"max_tool_calls":null}'
	req POST /sessions '{"prompt":"x","budget_limits":{"max_duration":{"secs":1,"nanos":5}}}' >/dev/null
	same "$(status)" 200
	ID=$(jq -r .session_id "$T/body")
	req POST "/sessions/$ID/messages" '{"prompt":"x","enable_shell":true,"flow_tool_overlay":{"allowed_tools":[],"blocked_tools":null}}' >/dev/null
	same "$(status)" 200
	same "$(tail -n 1 "$T/sim.log" | jq -c '[.body.tools[]? | select(.input_schema)]')" '[]'
	req POST "/sessions/$ID/messages" '{"prompt":"x","flow_tool_overlay":{"allowed_tools":"all"}}' >/dev/null
	same "$(status)" 400
}

@test "rest: SIGTERM lets a turn come to its end, a second one ends it with an answer; status 0" {
	sim_script '{"match":{"user":"slow"},"reply":{"text":"abcdefghij","chunk":1,"hang_after":4}}' '{"match":{"user":"soon"},"reply":{"text":"late","first_delay_ms":400}}'
	local prompt
	for prompt in soon slow; do
		rest
		curl -sS -d "{\"prompt\":\"$prompt\"}" -H 'Content-Type: application/json' "$URL/sessions" >"$T/$prompt" 3>&- &
		P=$!
		wait_for grep -q $prompt "$T/sim.log"
		kill "$R"
		[ $prompt = soon ] || { wait_for refused && kill "$R"; }
		wait "$P"
		S=0
		wait "$R" || S=$?
		same "$prompt $S" "$prompt 0"
	done
	same "$(jq -r .text "$T/soon")" late
	same "$(jq -r .code "$T/slow")" SESSION_CREATED_WITH_TURN_FAILURE
}
refused() { ! curl -sS -m 1 "$URL/health"; }

uuid() { printf '01936f8a-7b2c-7000-8000-%012d' "$1"; }
prompt() { echo "{\"input_type\":\"prompt\",\"header\":{\"id\":\"$(uuid "$1")\",\"timestamp\":\"2026-11-21T10:00:00Z\",\"source\":{\"type\":\"operator\"},\"durability\":\"durable\",\"visibility\":{\"transcript_eligible\":true,\"operator_eligible\":true}${3-}},\"text\":\"$2\"}"; }
consumed() { req GET "/input/$ID/$1" | grep -q '"current_state":"consumed"'; }

@test "rest: an input is accepted once, its session works on it, and it can be asked for" {
	sim echo
	rest
	new x
	req GET "/runtime/$ID/state" >/dev/null
	is 200 "{\"session_id\":\"$ID\",\"state\":\"attached\"}"
	req POST "/runtime/$ID/accept" "$(prompt 1 hello ',"idempotency_key":"k"')" >/dev/null
	fits RuntimeAcceptResult
	same "$(status) $(jq -c '[.outcome_type, .input_id]' "$T/body")" "200 [\"accepted\",\"$(uuid 1)\"]"
	req POST "/runtime/$ID/accept" "$(prompt 2 hello ',"idempotency_key":"k"')" >/dev/null
	same "$(status) $(jq -c . "$T/body")" "200 {\"outcome_type\":\"deduplicated\",\"input_id\":\"$(uuid 2)\",\"existing_id\":\"$(uuid 1)\"}"
	wait_for consumed "$(uuid 1)"
	fits InputStateResult
	wait_for said 'You said: hello'
	same "$(req GET "/input/${ID//-/}/list")" '{"input_ids":[]}'
	req GET "/input/$ID/$NONE" >/dev/null
	is 404 '{"error":"input not found"}'
	req GET "/input/$ID/nope" >/dev/null
	same "$(status)" 400
	req POST "/runtime/$ID/accept" '{"input_type":"prompt"}' >/dev/null
	same "$(status) $(jq -c keys "$T/body")" '400 ["error"]'
	for p in "GET /runtime/test:$ID/state" 'GET /runtime/x/state' 'GET /input/x/list'; do
		req $p >/dev/null
		same "$(status) $(jq -c keys "$T/body")" '400 ["error"]'
	done
	req GET "/runtime/$NONE/state" >/dev/null
	is 404 "{\"error\":\"Session not found: $NONE\"}"
}

@test "rest: a retired session takes nothing until it is reset" {
	sim echo
	rest
	new x
	req POST "/sessions/$ID/external-events" '{"a":1}' >/dev/null
	req GET "/input/$ID/list" >/dev/null
	same "$(jq '.input_ids | length' "$T/body")" 1
	req POST "/runtime/$ID/retire" >/dev/null
	same "$(status) $(jq -c keys "$T/body")" '200 ["inputs_abandoned"]'
	fits RuntimeRetireResult
	wait_for retired
	req POST "/runtime/$ID/accept" "$(prompt 1 hello)" >/dev/null
	same "$(status) $(jq -c . "$T/body")" '200 {"outcome_type":"rejected","reason":{"reject_type":"not_ready","state":"retired"}}'
	req POST "/sessions/$ID/external-events" '{"a":1}' >/dev/null
	is 409 '{"error":"runtime not accepting input while in state: retired"}'
	req POST "/sessions/$ID/messages" '{"prompt":"x"}' >/dev/null
	is 409 '{"error":"duplicate_input","code":"DUPLICATE_INPUT","existing_id":""}'
	req POST "/runtime/$ID/reset" >/dev/null
	same "$(status) $(cat "$T/body")" '200 {"inputs_abandoned":0}'
	req POST "/sessions/$ID/messages" '{"prompt":"x"}' >/dev/null
	same "$(status)" 200
}
retired() { req GET "/runtime/$ID/state" | grep -q '"retired"'; }

@test "rest: a turn that stops at a tool that only another client runs says so, and can go on" {
	sim_script '{"match":{"has_tool_result":true},"reply":{"text":"done"}}' '{"match":{"user":"x"},"reply":{"text":"fine"}}' \
	    '{"reply":{"tool_calls":[{"id":"c1","name":"ring","args":{"n":9007199254740993}}]}}'
	printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"session/create","params":{"prompt":"x","external_tools":[{"name":"ring","description":"d","input_schema":{"type":"object"}}]}}' |
	    rkat-rpc >"$T/rpc"
	ID=$(jq -r 'select(.id == 1).result.session_id' "$T/rpc")
	rest
	req POST "/sessions/$ID/messages" '{"prompt":"go"}' >/dev/null
	same "$(status) $(sed "s/$ID/ID/g" "$T/body")" '500 {"error":"callback pending for tool '"'ring'"'","code":"CALLBACK_PENDING","details":{"args":{"n":9007199254740993,"tool_use_id":"c1"},"resumable":true,"session_created":false,"session_id":"ID","session_ref":"test:ID","tool_name":"ring"}}'
	req POST "/sessions/$ID/messages" '{"prompt":"x"}' >/dev/null
	same "$(status)" 200
}
