load rpc

@test "rpc: garbage, blank lines, batches, unknown methods are answered and survived; exit 0" {
	rpc
	ask 'x' '' '[]' '{"jsonrpc":"2.0","id":1,"method":"nope"}' '{"jsonrpc":"2.0","method":"initialized"}' \
	    '{"jsonrpc":"2.0","id":"a","method":"initialize"}'
	reply '"a"' >/dev/null
	end
	[ "$S" -eq 0 ]
	[ ! -s "$T/err" ]
	same "$(jq -c '[.id, .error.code // "ok"]' "$T/out" | tr '\n' ' ')" '[null,-32700] [null,-32700] [1,-32601] ["a","ok"] '
	has "$(sed -n 3p "$T/out")" '"Method not found: nope"'
}

@test "rpc: what was asked before the end of the input is answered" {
	sim echo
	printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"session/create","params":{"prompt":"hi"}}' >"$T/asked"
	printf '{"jsonrpc":"2.0","id":2,"method":"capabilities/get"}' >>"$T/asked"	# no newline
	rkat-rpc <"$T/asked" >"$T/out"
	same "$(replied 1 | jq -r .result.text)" "You said: hi"
	same "$(replied 2 | jq -c '.result.contract_version')" '{"major":0,"minor":5,"patch":2}'
	rkat-rpc <"$T/asked" | cat >"$T/out"
	same "$(replied 1 | jq -r .result.text)" "You said: hi"
}

@test "rpc: lines that are no requests, each in its way" {
	rpc
	ask '1' '"x"' '{"id":1,"method":"initialize"}' '{"jsonrpc":"2.0","id":1,"method":7}' '{"jsonrpc":"2.0","id":1.5,"method":"initialize"}' \
	    '{"jsonrpc":"2.0","id":true,"method":"initialize"}' '{"jsonrpc":"2.0","id":{},"method":"initialize"}' \
	    '{"jsonrpc":"2.0","id":7,"result":{}}' '{"jsonrpc":"2.0","method":"turn/start","params":{}}' \
	    $'{"jsonrpc":"2.0","id":2,"method":"initialize","params":{"\xff":1}}' '{"jsonrpc":"9","id":3,"method":"initialize","params":null}' \
	    '{"jsonrpc":"2.0","id":4,"method":"initialize","params":[]}' '{"jsonrpc":"2.0","id":5,"method":"session/read"}' \
	    '{"jsonrpc":"2.0","id":6,"method":"session/read","params":{}}' '{"jsonrpc":"2.0","id":8,"method":"cancel","params":{"request_id":1}}' \
	    '{"jsonrpc":"2.0","id":-9223372036854775808,"method":"initialize"}' '{"jsonrpc":"2.0","id":9223372036854775808,"method":"initialize"}' \
	    '{"jsonrpc":"2.0","id":"a\u0000b","method":"initialize"}' '{"jsonrpc":"2.0","id":1.0,"method":"initialize"}' \
	    '{"jsonrpc":"2.0","id":1e2,"method":"initialize"}' '{"jsonrpc":"2.0","id":9,"method":"initialize\u0000x"}' \
	    '{"jsonrpc":"2.0","id":10,"method":"runtime/state"}' \
	    '{"jsonrpc":"2.0","id":99,"method":"initialize"}'
	reply 99 >/dev/null
	same "$(jq -c '[.id, .error.code // "ok"]' "$T/out" | tr '\n' ' ')" "$(printf '%s ' '[null,-32700]' '[null,-32700]' '[null,-32700]' \
	    '[null,-32700]' '[null,-32700]' '[null,-32700]' '[null,-32700]' '[null,-32700]' '[3,"ok"]' '[4,-32602]' '[5,-32602]' '[6,-32602]' \
	    '[8,-32601]' '[-9223372036854776000,"ok"]' '[null,-32700]' '["a\u0000b","ok"]' '[null,-32700]' '[null,-32700]' '[9,-32601]' '[10,-32602]' '[99,"ok"]')"
	same "$(reply 5 | jq -r .error.message)" "Missing params"
	same "$(reply 10 | jq -r .error.message)" "missing params"
	has "$(reply 6 | jq -r .error.message)" 'Invalid params: missing field `session_id`'
	same "$(grep -c -- '"id":-9223372036854775808,' "$T/out")" 1	# as it came: jq rounds
	end
	[ "$S" -eq 0 ]
}

@test "rpc: initialize and capabilities tell the contract; listed methods exist" {
	rpc
	same "$(got 1 initialize '{}' | jq -c '.result | [.server_info.name, .contract_version, .methods[0:3]]')" \
	    '["meerkat-rpc","0.5.2",["initialized","initialize","session/create"]]'
	same "$(got 2 capabilities/get '{}' | jq -c '.result.contract_version, .result.capabilities[0].status')" \
	    "$(printf '{"major":0,"minor":5,"patch":2}\n"Available"')"
	n=10
	for m in $(reply 1 | jq -r '.result.methods[1:][]'); do
		n=$((n + 1))
		[ "$(got $n "$m" '{}' | jq .error.code)" != -32601 ]
	done
	same "$(got 3 models/catalog | jq -c '.result | [.contract_version.minor, (.providers | length > 2)]')" '[5,true]'
	[ "$(wc -L <"$T/out")" -lt 65536 ]
	lacks "$(reply 1)" tools/register
}

@test "rpc: session/create streams run_started to run_completed, then replies" {
	sim echo
	rpc
	new hi
	reply $N | jq -e --arg ref "test:$ID" '.result | .session_ref == $ref and .text == "You said: hi" and .turns == 1 and .tool_calls == 0
	    and .usage.total_tokens == .usage.input_tokens + .usage.output_tokens'
	same "$(types | sed -n '1p;$p' | tr '\n' ' ')" "run_started run_completed "
	same "$(tail -n 1 "$T/out" | jq .id)" $N
	same "$(jq -c 'select(.method) | .params.event.seq' "$T/out")" "$(seq "$(types | wc -l)")"
	# The envelope as the log has it, and the payload's members beside it.
	jq -ce 'select(.method) | .params | .session_id == (.event.source_id | ltrimstr("session:")) and .event.type == .event.payload.type' "$T/out" | grep -c false | grep -qx 0
	same "$(jq -j 'select(.params.event.type == "text_delta") | .params.event.delta' "$T/out")" "You said: hi"
	same "$(jq -c 'select(.method) | .params.event | {event_id,source_id,seq,timestamp_ms,payload}' "$T/out")" "$(rkat-session events "$ID")"
	same "$(got 2 session/history "{\"session_id\":\"$ID\"}" | jq -c '.result | [.message_count, .offset, .has_more, [.messages[].role]]')" \
	    '[3,0,false,["system","user","block_assistant"]]'
}

@test "rpc: two turns on one session run in order; two sessions overlap" {
	held_script
	rpc
	new one
	A=$ID
	new two
	call 1 turn/start "{\"session_id\":\"$A\",\"prompt\":\"wait\"}"
	call 2 turn/start "{\"session_id\":\"test:$A\",\"prompt\":\"second\"}"
	got 3 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"other\"}"
	release
	same "$(reply 2 | jq -r .result.text)" fine
	same "$(jq -c 'select(.id and .id < 10) | .id' "$T/out" | tr '\n' ' ')" "3 1 2 "
	same "$(rkat-session history "$A" | jq -r 'select(.role == "user") | .content' | tr '\n' ' ')" "one wait second "
}

@test "rpc: an interrupted turn fails without a terminal event; the next works" {
	slow
	rpc
	new quick
	call 1 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"slow\"}"
	wait_for grep -q '"delta":"a"' "$T/out"
	same "$(got 2 turn/interrupt "{\"session_id\":\"$ID\"}" | jq -c .result)" '{"interrupted":true}'
	same "$(reply 1 | jq -c '[.error.code, .error.message, .error.data.code]')" '[-32005,"Run was cancelled","REQUEST_CANCELLED"]'
	same "$(types | tail -n 1)" text_delta
	same "$(got 3 turn/interrupt "{\"session_id\":\"$ID\"}" | jq -c .result)" '{"interrupted":true}'
	same "$(got 4 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"again\"}" | jq -r .result.text)" fine
	same "$(got 5 turn/interrupt '{"session_id":"019a0000-0000-7000-8000-000000000000"}' | jq -c .error)" \
	    '{"code":-32001,"message":"Session not found: 019a0000-0000-7000-8000-000000000000"}'
}

@test "rpc: an interrupt right behind its turn is not lost" {
	slow
	rpc
	new quick
	ask "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"turn/start\",\"params\":{\"session_id\":\"$ID\",\"prompt\":\"slow\"}}"
	wait_for grep -q 'slow' "$T/sim.log"
	call 2 turn/interrupt "{\"session_id\":\"$ID\"}"
	same "$(reply 1 | jq .error.code)" -32005
}

@test "rpc: cancel ends a turn or takes it out of the queue, with its own text" {
	slow
	rpc
	new quick
	call 1 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"slow\"}"
	call '"1"' turn/start "{\"session_id\":\"$ID\",\"prompt\":\"never\"}"
	wait_for grep -q '"delta":"a"' "$T/out"
	ask '{"jsonrpc":"2.0","method":"cancel","params":{"request_id":7}}' '{"jsonrpc":"2.0","method":"cancel"}' \
	    '{"jsonrpc":"2.0","method":"cancel","params":{"request_id":"1"}}'
	same "$(reply '"1"' | jq -c .error)" '{"code":-32005,"message":"request cancelled before start"}'
	ask '{"jsonrpc":"2.0","method":"cancel","params":{"request_id":1}}'
	same "$(reply 1 | jq -c .error)" '{"code":-32005,"message":"request cancelled before response publish"}'
	same "$(got 2 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"again\"}" | jq -r .result.text)" fine
	lacks "$(rkat-session history "$ID")" never
}

@test "rpc: a failed turn carries its cause, its code and its data; a failed create is archived" {
	sim_script '{"match":{"user":"bad"},"reply":{"status":400,"error":{"type":"x","message":"no such thing"}}}' '{"reply":{"text":"fine"}}'
	rpc
	new good
	got 1 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"bad\"}"
	reply 1 | jq -e '.error | .code == -32010 and (.message | contains("no such thing")) and .data.code == "PROVIDER_ERROR" and .data.provider_status == 400 and .data.retryable == false'
	same "$(got 2 session/create '{"prompt":"bad"}' | jq .error.code)" -32010
	same "$(got 3 session/list | jq -c '[.result.sessions[].session_id]')" "[\"$ID\"]"
	end
	unset ANTHROPIC_API_KEY
	rpc
	same "$(got 1 session/create '{"prompt":"x","model":"claude-sonnet-4-5"}' | jq -c '[.error.code, .error.data.code]')" '[-32010,"PROVIDER_ERROR"]'
}

@test "rpc: a worker that dies fails its one turn; the next turn works" {
	slow
	rpc
	new quick
	call 1 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"slow\"}"
	wait_for grep -q '"delta":"a"' "$T/out"
	kill -9 "$(pgrep -f "^[^ ]*rkat-turn --worker.*$RKAT_STATE_ROOT" | tail -n 1)"
	same "$(reply 1 | jq -c '[.error.code, .error.message]')" "[-32603,\"the turn's process was ended by signal 9 (Killed)\"]"
	same "$(got 2 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"again\"}" | jq -r .result.text)" fine
	end
	[ "$S" -eq 0 ]
	! pgrep -f "rkat-turn.*$RKAT_STATE_ROOT"
}

@test "rpc: end of input with a running turn: interrupted, answered, exit 0 within 5 s, nobody left" {
	slow
	rpc
	new quick
	call 1 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"slow\"}"
	wait_for grep -q '"delta":"a"' "$T/out"
	SECONDS=0
	end
	[ "$S" -eq 0 ]
	[ "$SECONDS" -le 5 ]	# the reply takes minutes
	same "$(replied 1 | jq .error.code)" -32005
	! pgrep -f "rkat-turn.*$RKAT_STATE_ROOT"
}

@test "rpc: SIGTERM interrupts what runs, answers it, exits 0" {
	slow
	rpc
	new quick
	call 1 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"slow\"}"
	wait_for grep -q '"delta":"a"' "$T/out"
	kill -TERM "$R"
	S=0
	wait "$R" || S=$?
	[ "$S" -eq 0 ]
	same "$(replied 1 | jq .error.code)" -32005
	! pgrep -f "rkat-turn.*$RKAT_STATE_ROOT"
}

@test "rpc: killed with SIGKILL it leaves no worker" {
	sim echo
	rpc
	new hi
	kill -9 "$R"
	gone() { ! pgrep -f "rkat-turn.*$RKAT_STATE_ROOT"; }
	wait_for gone
}

@test "rpc: a deferred session runs nothing; its prompt stands before that of the first turn" {
	sim echo
	rpc
	same "$(got 1 session/create '{"prompt":"first \"quoted\"","initial_turn":"deferred","labels":{"a":"b"}}' | jq -c '.result | keys')" '["session_id","session_ref"]'
	ID=$(reply 1 | jq -r .result.session_id)
	same "$(got 2 session/history "{\"session_id\":\"$ID\",\"offset\":7}" | jq -c '.result | [.message_count, .offset, .messages]')" '[0,7,[]]'
	same "$(got 3 session/stream_open "{\"session_id\":\"$ID\"}" | jq -c .error)" \
	    "{\"code\":-32602,\"message\":\"Failed to subscribe to session events: stream not found: session $ID\"}"
	same "$(types)" ""
	# It outlives the server.
	end
	rpc
	call 4 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"then\",\"system_prompt\":\"SYS\",\"max_tokens\":77,\"structured_output_retries\":0}"
	call 5 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"later\"}"
	reply 4 >/dev/null
	reply 5 >/dev/null
	same "$(rkat-session history "$ID" | jq -c 'select(.role == "user") | .content')" "$(printf '%s\n' '"first \"quoted\"\n\nthen"' '"later"')"
	same "$(rkat-session history "$ID" | jq -r 'select(.role == "system") | .content' | head -n 1)" SYS
	same "$(db "SELECT json_extract(meta, '\$.max_tokens') FROM sessions")" 77
	same "$(got 6 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"x\",\"max_tokens\":1,\"output_schema\":{}}" | jq -c .error)" \
	    '{"code":-32602,"message":"Cannot override max_tokens, output_schema on a runtime-routed turn; set these at session/create time or use a deferred session"}'
	same "$(got 7 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"x\",\"provider\":\"openai\"}" | jq -r .error.message)" \
	    'provider override requires model on an existing session'
}

@test "rpc: a deferred prompt of blocks is joined with a text; a first turn that cannot begin keeps it" {
	sim echo
	rpc
	ID=$(got 1 session/create '{"prompt":[{"type":"text","text":"block"}],"initial_turn":"deferred"}' | jq -r .result.session_id)
	same "$(got 2 turn/start "{\"session_id\":\"$ID\",\"prompt\":[{\"type\":\"nonsense\"}]}" | jq .error.code)" -32602
	got 3 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"text\"}"
	same "$(rkat-session history "$ID" | jq -c 'select(.role == "user") | .content')" '[{"type":"text","text":"block"},{"type":"text","text":"text"}]'
}

@test "rpc: a deferred prompt outlives a server that dies while its first turn waits for a worker" {
	slow
	rpc --workers 1
	ID=$(got 1 session/create '{"prompt":"first","initial_turn":"deferred"}' | jq -r .result.session_id)
	call 2 session/create '{"prompt":"slow"}'
	wait_for grep -q '"delta":"a"' "$T/out"
	call 3 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"then\"}"
	got 4 initialize >/dev/null	# it has read that
	kill -9 "$R"
	wait "$R" || :
	gone() { ! pgrep -f "rkat-turn.*$RKAT_STATE_ROOT"; }
	wait_for gone
	rpc
	got 5 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"again\"}" >/dev/null
	got 6 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"more\"}" >/dev/null
	same "$(rkat-session history "$ID" | jq -c 'select(.role == "user") | .content')" "$(printf '%s\n' '"first\n\nagain"' '"more"')"
}

@test "rpc: streams number their events and end with an outcome" {
	sim echo
	rpc
	new hi
	X=$(got 1 session/stream_open "{\"session_id\":\"$ID\"}" | jq -r .result.stream_id)
	Y=$(got 2 session/stream_open "{\"session_id\":\"$ID\"}" | jq -r .result.stream_id)
	got 3 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"more\"}"
	events() { jq -c --arg s "$1" 'select(.method == "session/stream_event" and .params.stream_id == $s) | .params'; }
	same "$(events "$X" <"$T/out" | jq .sequence)" "$(seq "$(events "$X" <"$T/out" | wc -l)")"
	# The envelope as it is, nothing beside it.
	same "$(events "$X" <"$T/out" | jq -c .event)" "$(rkat-session events "$ID" | tail -n "$(events "$X" <"$T/out" | wc -l)")"
	same "$(events "$X" <"$T/out" | jq -r .event.payload.type | sed -n '1p;$p' | tr '\n' ' ')" "run_started run_completed "
	for n in 4 5 6; do got $n session/stream_close "{\"stream_id\":\"$X\"}"; done
	same "$(for n in 4 5 6; do reply $n | jq -c '[.result.closed,.result.already_closed]'; done | tr '\n' ' ')" "[true,false] [true,true] [true,false] "
	same "$(got 7 session/stream_close '{"stream_id":"nope"}' | jq -c .error)" '{"code":-32602,"message":"Invalid stream_id: nope"}'
	same "$(got 8 session/archive "{\"session_id\":\"$ID\"}" | jq -c .result)" '{"archived":true}'
	same "$(jq -c 'select(.method == "session/stream_end") | .params' "$T/out")" "$(printf '%s\n' \
	    "{\"stream_id\":\"$X\",\"session_id\":\"$ID\",\"ended\":true,\"outcome\":\"explicit_close\"}" \
	    "{\"stream_id\":\"$Y\",\"session_id\":\"$ID\",\"ended\":true,\"outcome\":\"remote_end\"}")"
}

@test "rpc: archiving a session ends the turn that it is in" {
	slow
	rpc
	new hi
	call 1 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"slow\"}"
	wait_for grep -q '"delta":"a"' "$T/out"
	same "$(got 2 session/archive "{\"session_id\":\"$ID\"}" | jq -c .result)" '{"archived":true}'
	same "$(reply 1 | jq .error.code)" -32005
}

@test "rpc: list, read, archive: the shapes of the sheet" {
	sim echo
	rpc
	got 1 session/create '{"prompt":"hi","labels":{"k":"v","z":"1"},"model":"gpt-5.2"}'
	ID=$(reply 1 | jq -r .result.session_id)
	new other
	same "$(got 2 session/list '{"labels":{"k":"v"}}' | jq -c '.result.sessions | map([.session_id, .session_ref, .message_count, .is_active, .labels, (.total_tokens > 0), .created_at <= .updated_at])')" \
	    "[[\"$(reply 1 | jq -r .result.session_id)\",\"test:$(reply 1 | jq -r .result.session_id)\",3,false,{\"k\":\"v\",\"z\":\"1\"},true,true]]"
	same "$(got 3 session/list '{"limit":1,"offset":1}' | jq -c '[.result.sessions[].session_id]')" "[\"$(reply 1 | jq -r .result.session_id)\"]"
	same "$(got 4 session/list | jq -c '.result.sessions | length')" 2
	A=$(reply 1 | jq -r .result.session_id)
	same "$(got 5 session/read "{\"session_id\":\"$A\"}" | jq -c '.result | [.message_count, .is_active, .model, .provider, .last_assistant_text, .labels.k, has("total_tokens")]')" \
	    '[3,false,"gpt-5.2","openai","You said: hi","v",false]'
	got 6 session/archive "{\"session_id\":\"$A\"}"
	same "$(got 7 session/archive "{\"session_id\":\"$A\"}" | jq .error.code)" -32001
	same "$(got 8 turn/start "{\"session_id\":\"$A\",\"prompt\":\"x\"}" | jq -c .error)" "{\"code\":-32001,\"message\":\"Session not found: $A\"}"
	same "$(got 9 session/read "{\"session_id\":\"$A\"}" | jq -r .result.last_assistant_text)" "You said: hi"
	same "$(got 10 session/history "{\"session_id\":\"$A\",\"offset\":1,\"limit\":1}" | jq -c '.result | [.offset, .limit, .has_more, .messages]')" \
	    '[1,1,true,[{"role":"user","content":"hi"}]]'
	same "$(got 11 session/read '{"session_id":"x"}' | jq .error.code)" -32602
	same "$(got 12 session/read "{\"session_id\":\"other:$A\"}" | jq -r .error.message)" "Session locator realm 'other' does not match active runtime realm 'test'"
	same "$(got 13 session/list '{"limit":-1}' | jq .error.code)" -32602
	same "$(got 14 session/list '{"labels":{"k":1}}' | jq .error.code)" -32602
}

@test "rpc: injected context is staged once; conflicts and empty texts are refused" {
	sim echo
	rpc
	new hi
	same "$(got 1 session/inject_context "{\"session_id\":\"$ID\",\"text\":\" be kind \",\"source\":\"me\",\"idempotency_key\":\"k\"}" | jq -c .result)" '{"status":"staged"}'
	same "$(got 2 session/inject_context "{\"session_id\":\"$ID\",\"text\":\"be kind\",\"source\":\"me\",\"idempotency_key\":\"k\"}" | jq -c .result)" '{"status":"duplicate"}'
	same "$(got 3 session/inject_context "{\"session_id\":\"$ID\",\"text\":\"other\",\"source\":\"me\",\"idempotency_key\":\"k\"}" | jq -c .error)" \
	    "{\"code\":-32602,\"message\":\"system-context idempotency conflict for key 'k'\"}"
	same "$(got 4 session/inject_context "{\"session_id\":\"$ID\",\"text\":\" \"}" | jq -c .error)" \
	    '{"code":-32602,"message":"system context text must not be empty"}'
	got 5 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"now\"}"
	same "$(grep -c "be kind" "$T/sim.log")" 1
}

@test "rpc: external events are admitted once, durably, in both shapes, and wake the session" {
	sim echo
	rpc
	new hi
	same "$(got 1 session/external_event "{\"session_id\":\"$ID\",\"payload\":{\"body\":\"ping\",\"n\":9007199254740993},\"source\":\"cron\",\"idempotency_key\":\"k\"}" |
	    jq -c '.result | [.outcome_type, .policy.wake_mode, .policy.policy_version, .state.current_state, .state.idempotency_key, .input_id == .state.input_id]')" \
	    '["accepted","wake_if_idle",1,"queued","k",true]'
	same "$(got 2 session/external_event "{\"session_id\":\"$ID\",\"payload\":1,\"idempotency_key\":\"k\"}" | jq -c '.result | [.outcome_type, .existing_id]')" \
	    "[\"deduplicated\",\"$(reply 1 | jq -r .result.input_id)\"]"
	call 3 session/external_event "{\"session_id\":\"$ID\",\"kind\":\"generic_json\",\"event_type\":\"deploy_complete\",\"payload\":{\"release\":\"1\"}}"
	consumed() { [ "$(db "SELECT count(*) FROM inputs WHERE kind = 'external_event' AND state = 'consumed'")" = 2 ]; }
	wait_for consumed
	has "$(rkat-session history "$ID")" "EVENT via cron"
	has "$(rkat-session history "$ID")" 9007199254740993
	has "$(rkat-session history "$ID")" deploy_complete
	done_twice() { [ "$(types | grep -c run_completed)" -ge 2 ]; }
	wait_for done_twice
	same "$(got 4 session/external_event "{\"session_id\":\"$ID\"}" | jq -r .error.message)" 'Invalid params: missing field `payload`'
}

@test "rpc: turns wait in their order while another process runs one of their session" {
	slow
	rpc
	new hi
	rkat resume "$ID" slow >"$T/other" 2>&1 </dev/null 3>&- 9>&- &
	OTHER=$!
	running() { [ "$(db "SELECT count(*) FROM runs WHERE state = 'running'")" -eq 1 ]; }
	wait_for running
	for i in 2 3 4; do call $i turn/start "{\"session_id\":\"$ID\",\"prompt\":\"turn $i\"}"; done
	same "$(got 5 runtime/state "{\"session_id\":\"$ID\"}" | jq -r .result.state)" running
	ask '{"jsonrpc":"2.0","method":"cancel","params":{"request_id":3}}'
	same "$(reply 3 | jq -c .error)" '{"code":-32005,"message":"request cancelled before start"}'
	same "$(replied 2)$(replied 4)" ""
	# The turn that is interrupted is the one that runs.
	same "$(got 6 turn/interrupt "{\"session_id\":\"$ID\"}" | jq -c .result)" '{"interrupted":true}'
	s=0
	wait "$OTHER" || s=$?
	same "$s" 14
	same "$(reply 2 | jq -r .result.text) $(reply 4 | jq -r .result.text)" "fine fine"
	same "$(got 7 session/history "{\"session_id\":\"$ID\"}" | jq -r '.result.messages[] | select(.role == "user").content' | tr '\n' ' ')" "hi slow turn 2 turn 4 "
	# At the end of the server nobody waits on.
	rkat resume "$ID" slow >"$T/other" 2>&1 </dev/null 3>&- 9>&- &
	OTHER=$!
	wait_for running
	call 8 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"late\"}"
	got 9 initialize '{}' >/dev/null
	kill -TERM "$R"
	end
	same "$S $(replied 8 | jq -c .error.code)" "0 -32005"
	kill "$OTHER"
	wait "$OTHER" || :
}

@test "rpc: config get, set, patch; a stale generation changes nothing" {
	rpc
	G=$(got 1 config/get '{}' | jq .result.generation)
	same "$(reply 1 | jq -c '.result | [keys, .realm_id, .instance_id, .backend, (.resolved_paths | keys)]')" \
	    '[["backend","config","generation","instance_id","realm_id","resolved_paths"],"test",null,"sqlite",["config_path","manifest_path","root","sessions_jsonl_dir","sessions_sqlite_path"]]'
	same "$(got 2 config/patch '{"patch":{"agent":{"max_tokens_per_turn":1234}},"expected_generation":'"$G"'}' | jq -c '[.result.generation, .result.config.agent.max_tokens_per_turn]')" "[$((G + 1)),1234]"
	same "$(got 3 config/patch '{"patch":{"agent":{"max_tokens_per_turn":1}},"expected_generation":'"$G"'}' | jq -c .error)" \
	    "{\"code\":-32602,\"message\":\"Generation conflict: expected $G, current $((G + 1))\"}"
	same "$(got 4 config/get | jq -c '[.result.generation, .result.config.agent.max_tokens_per_turn]')" "[$((G + 1)),1234]"
	same "$(got 5 config/patch '{"agent":{"max_tokens_per_turn":99}}' | jq .result.config.agent.max_tokens_per_turn)" 99
	same "$(got 6 config/set '{"config":{"agent":{"max_tokens_per_turn":7}}}' | jq .result.config.agent.max_tokens_per_turn)" 7
	same "$(got 7 config/set '{"agent":{"max_tokens_per_turn":"x"}}' | jq -r '.error | "\(.code) \(.message | sub("/.*toml: "; ""))"')" \
	    "-32602 Invalid config: agent.max_tokens_per_turn: want a whole number from 0 to 4294967295"
	same "$(got 8 config/patch '{"patch":7}' | jq .error.code)" -32602
	got 9 config/patch '{"patch":{"provider":{"type":"anthropic","api_key":"sk-very-secret-key"}}}'
	lacks "$(cat "$T/out")" very-secret
}

@test "rpc: blobs are told by id; an unknown one is an error of its params" {
	rpc
	same "$(got 1 blob/get '{"blob_id":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}' | jq -c .error)" \
	    '{"code":-32602,"message":"blob not found: sha256:0000000000000000000000000000000000000000000000000000000000000000"}'
	same "$(got 2 blob/get '{"blob_id":"../../etc/passwd"}' | jq .error.code)" -32602
	sim echo
	end
	rpc
	got 3 session/create '{"prompt":[{"type":"image","media_type":"image/png","source":"inline","data":"aGVsbG8="}]}'
	B=$(rkat-session history "$(reply 3 | jq -r .result.session_id)" | jq -r '.. | .blob_id? // empty' | head -n 1)
	same "$(got 4 blob/get "{\"blob_id\":\"$B\"}" | jq -c .result)" "{\"blob_id\":\"$B\",\"media_type\":\"image/png\",\"data\":\"aGVsbG8=\"}"
}

@test "rpc: wrong params are refused by name, before anything is made; what is not there is not ignored" {
	sim echo
	rpc
	call 1 session/create '{}'
	call 2 session/create '{"prompt":7}'
	call 3 session/create '{"prompt":"x","initial_turn":"never"}'
	call 4 session/create '{"prompt":"x","labels":[]}'
	call 5 session/create '{"prompt":"x","max_tokens":"many"}'
	call 6 session/create '{"prompt":"x","external_tools":[{"name":"t"}]}'
	call 7 session/create '{"prompt":"x","skill_references":["a/b"]}'
	call 8 session/create '{"prompt":"x","keep_alive":true}'
	call 9 session/create '{"prompt":"x","output_schema":{"type":7}}'
	reply 9
	reply 6
	reply 5
	reply 4
	same "$(jq -sc 'sort_by(.id) | map([.id,.error.code]) | .[]' "$T/out" | tr '\n' ' ')" \
	    '[1,-32602] [2,-32602] [3,-32602] [4,-32602] [5,-32602] [6,-32602] [7,-32020] [8,-32602] [9,-32602] '
	has "$(reply 5 | jq -r .error.message)" "Invalid params: /max_tokens"
	same "$(db 'SELECT count(*) FROM sessions')" 0
	same "$(got 10 session/create '{"prompt":"x","keep_alive":null,"structured_output_retries":null,"skill_refs":[],"external_tools":null,"unknown":1}' | jq -r .result.text)" "You said: x"
}

# client PORT|PATH LINE...: one client; its answers.
client() {
	python3 - "$@" <<-'P'
	import socket, sys
	where = sys.argv[1]
	s = socket.create_connection(("127.0.0.1", int(where))) if where.isdigit() else socket.socket(socket.AF_UNIX)
	if not where.isdigit(): s.connect(where)
	s.sendall("".join(l + "\n" for l in sys.argv[2:]).encode())
	s.shutdown(socket.SHUT_WR)
	while (d := s.recv(65536)): sys.stdout.buffer.write(d)
	P
}

@test "rpc: TCP and Unix sockets: many clients, each its own answers and events" {
	sim echo
	mkdir "$T/sock"
	rpc --tcp 127.0.0.1:0 --unix "$T/sock/s"
	wait_for grep -q unix: "$T/err"
	P=$(sed -n 's|^rkat-rpc listening on tcp://127.0.0.1:||p' "$T/err")
	same "$(stat -c %a "$T/sock/s")" 600
	client "$P" '{"jsonrpc":"2.0","id":1,"method":"session/create","params":{"prompt":"a"}}' >"$T/a" 3>&- 9>&- &
	A=$!
	client "$T/sock/s" '{"jsonrpc":"2.0","id":1,"method":"session/create","params":{"prompt":"b"}}' >"$T/b" 3>&- 9>&- &
	wait "$A" $!
	same "$(jq -r 'select(.id) | .result.text' "$T/a" "$T/b" | tr '\n' ' ')" "You said: a You said: b "
	same "$(jq -r 'select(.method) | .params.session_id' "$T/a" | sort -u)" "$(jq -r 'select(.id) | .result.session_id' "$T/a")"
	# A client that goes away in a bad moment, and a browser.
	printf '{"jsonrpc":"2.0","id":1,"method":"session/create","params":{"prompt":"c"}}\n' >"/dev/tcp/127.0.0.1/$P"
	same "$(client "$P" 'POST / HTTP/1.1' 'Host: x' '' '{"jsonrpc":"2.0","id":1,"method":"initialize"}')" ""
	same "$(client "$P" '{"jsonrpc":"2.0","id":5,"method":"initialize"}' | jq .id)" 5
	kill -TERM "$R"
	S=0
	wait "$R" || S=$?
	[ "$S" -eq 0 ]
	[ ! -e "$T/sock/s" ]
}

@test "rpc: only loopback is listened on; a bad address, socket or realm is one clear error" {
	run rkat-rpc --tcp 0.0.0.0:0
	same "$status $output" "2 rkat-rpc: INVALID_PARAMS: --tcp 0.0.0.0:0: only loopback addresses (127.0.0.1, [::1]) can be listened on; others need --allow-remote and --token-file"
	run rkat-serve --tcp nonsense
	[ "$status" -eq 2 ]
	run rkat-serve --tcp example.org:80
	[ "$status" -eq 2 ]
	touch "$T/file"
	run rkat-serve --unix "$T/file"
	same "$status" 1
	[ -f "$T/file" ]
	run rkat-serve --unix "$T/none/s"
	same "$status" 1
	run rkat-rpc --realm a:b
	[ "$status" -eq 2 ]
	run rkat-rpc --realm a --isolated
	[ "$status" -eq 2 ]
	run rkat-rpc --workers 0
	[ "$status" -eq 2 ]
	run rkat-rpc word
	[ "$status" -eq 2 ]
	has "$(rkat-rpc --version)" "contract 0.5.2"
	has "$(rkat-serve --help)" "usage: rkat-serve"
}

@test "rpc: started without a realm it makes a new one" {
	unset RKAT_REALM
	same "$(echo '{"jsonrpc":"2.0","id":1,"method":"config/get"}' | rkat-rpc | jq -r .result.realm_id | cut -c 1-6)" realm-
	same "$(echo '{"jsonrpc":"2.0","id":1,"method":"config/get"}' | rkat-rpc --isolated --instance i | jq -c '.result.instance_id')" '"i"'
	same "$(ls "$RKAT_STATE_ROOT" | wc -l)" 2
}

@test "rpc: a line that is too long is answered once, the next is served" {
	rpc
	{ head -c 34000000 /dev/zero | tr '\0' x; echo; } >&9
	same "$(got 1 initialize | jq .id)" 1
	same "$(jq -c 'select(.id == null) | .error' "$T/out")" '{"code":-32700,"message":"Parse error: a line of more than 32 MiB"}'
}

@test "rpc: nobody reads: memory stays bounded, the turn goes on, its end is told" {
	sim_script '{"reply":{"repeat":{"text":"0123456789abcdef","times":60000},"chunk":64,"chunk_delay_ms":0}}'
	mkfifo "$T/in" "$T/slow"
	rkat-rpc <"$T/in" >"$T/slow" 2>"$T/err" 3>&- &
	R=$!
	exec 9>"$T/in" 8<"$T/slow"
	call 1 session/create '{"prompt":"x"}'
	ended() { [ "$(db "SELECT count(*) FROM runs WHERE state = 'completed'")" = 1 ]; }
	wait_for ended
	[ "$(awk '/VmHWM/ { print $2 }' "/proc/$R/status")" -lt 100000 ]
	cat <&8 >"$T/out" 3>&- 9>&- &
	reply 1 >/dev/null
	same "$(types | tail -n 1)" run_completed
	exec 8<&-
	end
	[ "$S" -eq 0 ]
}

@test "rpc: the reader of its output goes away: it ends, exit 1" {
	slow
	mkfifo "$T/in" "$T/pipe"
	rkat-rpc <"$T/in" >"$T/pipe" 2>"$T/err" 3>&- &
	R=$!
	exec 9>"$T/in" 8<"$T/pipe"
	call 1 session/create '{"prompt":"slow"}'
	head -n 1 <&8 >/dev/null
	exec 8<&-
	S=0
	wait "$R" || S=$?
	[ "$S" -eq 1 ]
	! pgrep -f "rkat-turn.*$RKAT_STATE_ROOT"
}

streamed() { jq -c --arg s "$1" 'select(.method == "session/stream_event" and .params.stream_id == $s) | .params.event' "$T/out"; }

@test "rpc: a stream shows the runs of other processes, all of a run before its answer" {
	sim echo
	ID=$(rkat run --json hi | jq -r .session_id)
	rpc
	X=$(got 1 session/stream_open "{\"session_id\":\"$ID\"}" | jq -r .result.stream_id)
	rkat resume "$ID" more >/dev/null
	last() { streamed "$X" | tail -n 1 | grep -q run_completed; }
	wait_for last
	same "$(jq -c 'select(.method == "session/event")' "$T/out")" ""
	got 2 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"here\"}"
	same "$(tail -n 1 "$T/out" | jq .id)" 2
	same "$(streamed "$X")" "$(rkat-session events "$ID" | sed '1,/run_completed/d')"
}

@test "rpc: a stream can begin behind an event that the client has" {
	sim echo
	rpc
	new hi
	X=$(got 1 session/stream_open "{\"session_id\":\"$ID\",\"after_seq\":3}" | jq -r .result.stream_id)
	last() { streamed "$X" | tail -n 1 | grep -q run_completed; }
	wait_for last
	same "$(streamed "$X")" "$(rkat-session events "$ID" | tail -n +4)"
	same "$(got 2 session/stream_open "{\"session_id\":\"$ID\",\"after_seq\":-1}" | jq .error.code)" -32602
}

@test "rpc: a client that reads late gets every event of its streams, others at once" {
	sim_script '{"reply":{"repeat":{"text":"0123456789abcdef","times":20000},"chunk":64,"chunk_delay_ms":0}}'
	ID=$(rkat run --json hi | jq -r .session_id)
	mkfifo "$T/in" "$T/slow"
	rkat-rpc <"$T/in" >"$T/slow" 2>"$T/err" 3>&- &
	R=$!
	exec 9>"$T/in" 8<"$T/slow"
	call 1 session/stream_open "{\"session_id\":\"$ID\"}"
	rkat resume "$ID" more >/dev/null
	[ "$(awk '/VmHWM/ { print $2 }' "/proc/$R/status")" -lt 20000 ]
	cat <&8 >"$T/out" 3>&- 9>&- &
	X=$(reply 1 | jq -r .result.stream_id)
	last() { grep -q '"type":"run_completed"' "$T/out"; }
	wait_for last
	same "$(streamed "$X" | jq .seq)" "$(rkat-session events "$ID" | sed '1,/"type":"run_completed"/d' | jq .seq)"
	exec 8<&-
}

@test "rpc: a client that takes nothing loses its streams alone, with a name; others get all" {
	sim_script '{"match":{"user":"big"},"reply":{"repeat":{"text":"0123456789abcdef","times":60000},"chunk":4096,"chunk_delay_ms":0}}' '{"reply":{"text":"fine"}}'
	ID=$(rkat run --json big | jq -r .session_id)
	echo 'stall_seconds = 1' >"$T/limits"
	rkat-rpc --unix "$T/sock" --limits "$T/limits" 2>"$T/err" 3>&- &
	R=$!
	wait_for listens "$T/sock"
	python3 - "$T/sock" "$ID" >"$T/out" <<-'END'
		import json, socket, sys, time
		def client():
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1])
		    s.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "session/stream_open",
		        "params": {"session_id": sys.argv[2], "after_seq": 0}}).encode() + b"\n")
		    return s.makefile()
		def until(f, *words):
		    kept = []
		    while not any(w in (kept or [""])[-1] for w in words):
		        kept.append(f.readline())
		    return kept
		stalled, live = client(), client()
		seen = until(live, '"run_completed"')
		time.sleep(2.5)	# takes nothing for longer than the limit
		got = until(stalled, "session/stream_end", '"run_completed"')
		print(json.dumps([json.loads(l)["params"]["event"]["seq"] for l in seen[1:]] == list(range(1, len(seen)))))
		print(json.dumps(json.loads(got[-1])["params"]["error"]["code"]))
		print(json.dumps(len(got) < len(seen)))
	END
	same "$(tr '\n' ' ' <"$T/out")" 'true "stream_queue_overflow" true '
}

@test "rpc: without descriptors for more clients it waits in silence, and takes them when there are some" {
	bash -c 'ulimit -n 40; exec rkat-serve --tcp 127.0.0.1:0' 2>"$T/err" >"$T/out" 3>&- &
	R=$!
	wait_for grep -q 'tcp://' "$T/err"
	BEFORE=$(wc -c <"$T/err")
	timeout 20 python3 - "$(grep -o '[0-9]*$' "$T/err")" >"$T/said" <<-'EOF'
	import socket, sys, time
	at = ("127.0.0.1", int(sys.argv[1]))
	crowd = [socket.create_connection(at) for n in range(60)]
	time.sleep(0.5)
	for s in crowd:
	    s.close()
	s = socket.create_connection(at, timeout=10)
	s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"session/list"}\n')
	print(s.recv(1000).decode())
	EOF
	has "$(cat "$T/said")" '"sessions":[]'
	same "$(wc -c <"$T/err")" "$BEFORE"
}

@test "rpc: a client that asks much and listens to nothing is not heard until it listens; then all is answered, in order" {
	rkat-serve --tcp 127.0.0.1:0 2>"$T/err" >"$T/out" 3>&- &
	R=$!
	wait_for grep -q 'tcp://' "$T/err"
	timeout 60 python3 - "$(grep -o '[0-9]*$' "$T/err")" "$R" ${RKAT_SAN:+1} >"$T/said" <<-'EOF'
	import json, socket, sys, time
	at, pid = ("127.0.0.1", int(sys.argv[1])), sys.argv[2]
	s = socket.create_connection(at)
	n = 1500
	s.sendall(b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"models/catalog"}\n' % k for k in range(n)))
	s.shutdown(socket.SHUT_WR)
	other = socket.create_connection(at, timeout=20)
	other.sendall(b'{"jsonrpc":"2.0","id":1,"method":"session/list"}\n')
	other.recv(1000)
	kb = [int(l.split()[1]) for l in open("/proc/%s/status" % pid) if l.startswith("VmRSS")][0]
	print("small" if kb < 16000 or sys.argv[3:] else kb)	# no sanitizer is
	print([json.loads(l)["id"] for l in s.makefile()] == list(range(n)))
	EOF
	same "$(tr '\n' ' ' <"$T/said")" "small True "
}
