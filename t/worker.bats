load helper

# start [ARGS]: a worker on two pipes; ask LINE; answers land in $T/out.
start() {
	mkfifo "$T/in"
	rkat-turn "$@" --worker <"$T/in" >"$T/out" 2>"$T/err" 3>&- &
	W=$!
	exec 9>"$T/in"
}
ask() { printf '%s\n' "$@" >&9; }
# answer ID: wait for the result or error of that request, and print it.
answered() { jq -c --argjson id "$1" 'select(.id == $id and (.result or .error))' "$T/out" | grep .; }
answer() {
	wait_for answered "$1" || { cat "$T/out" "$T/err" >&2; return 1; }
	answered "$1"
}
end() {
	exec 9>&-
	S=0
	wait "$W" || S=$?
}

@test "worker: create, run, and its events, all under the request's id" {
	sim echo
	start
	ask '{"id":1,"op":"create","labels":{"k":"v"},"enable_shell":true,"app_context":{"n":9007199254740993}}'
	id=$(answer 1 | jq -r .result.session_id)
	same "$(answer 1 | jq -r .result.session_ref)" "test:$id"
	same "$(db "SELECT labels FROM sessions")" '{"k":"v"}'
	same "$(db "SELECT json_extract(meta, '\$.tooling.shell') FROM sessions")" enable
	ask "{\"id\":\"two\",\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"hi\"}"
	same "$(answer '"two"' | jq -r .result.text)" "You said: hi"
	same "$(answer '"two"' | jq -r .outcome)" completed
	same "$(jq -c 'select(.event) | .event' "$T/out")" "$(rkat-session events "$id")"
	same "$(jq -c 'select(.event) | .id' "$T/out" | sort -u)" '"two"'
	end
	[ "$S" -eq 0 ]
	[ ! -s "$T/err" ]
}

@test "worker: an event's line is not touched" {
	sim_script '{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"id":"c","name":"datetime","args":"{\"n\": 9007199254740993, \"e\":1e400}"}]}}' '{"reply":{"text":"ok"}}'
	start
	ask '{"id":1,"op":"create"}'
	id=$(answer 1 | jq -r .result.session_id)
	ask "{\"id\":2,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"hi\"}"
	answer 2
	end
	has "$(cat "$T/out")" '"n": 9007199254740993, "e":1e400'
}

@test "worker: bad lines get an error each, and it goes on" {
	start
	ask 'garbage' '{"id":2}' '{"id":3,"op":"rum"}' '[]' '{"id":5,"op":"run"}' '{"id":6,"op":"ping","x":1}' \
	    '{"id":7,"op":"create","labels":[]}' '{"id":8,"op":"create","max_tokens":"x"}' \
	    '{"id":9,"op":"run","session":"nope","prompt":"x"}' '{"id":10,"op":"run","session":"nope","prompt":{}}' '' \
	    '{"id":{},"op":"ping"}' '{"id":12,"op":"create","output_schema":{"type":7}}' '{"id":13,"op":"ping"}'
	answer 13 >/dev/null
	answer 12 >/dev/null
	end
	[ "$S" -eq 0 ]
	same "$(jq -rs 'sort_by(.id | tostring) | map("\(.id) \(.error.code // "ok")") | .[]' "$T/out")" "$(printf '%s\n' \
	    '10 INVALID_PARAMS' '12 INVALID_PARAMS' '13 ok' '2 INVALID_PARAMS' '3 INVALID_PARAMS' '5 INVALID_PARAMS' \
	    '6 INVALID_PARAMS' '7 INVALID_PARAMS' '8 INVALID_PARAMS' '9 SESSION_NOT_FOUND' 'null INVALID_PARAMS' 'null INVALID_PARAMS' \
	    '{} INVALID_PARAMS')"
	has "$(jq -r 'select(.id == 6) | .error.message' "$T/out")" "/x: no such member of ping"
	same "$(db 'SELECT count(*) FROM sessions')" 0
}

@test "worker: a line that is too long is answered once, the next is served" {
	start
	head -c 67200000 /dev/zero | tr '\0' x >&9
	ask '' '{"id":1,"op":"ping"}'
	answer 1 >/dev/null
	end
	same "$(jq -r 'select(.error) | .error.message' "$T/out")" "a request of more than 64 MiB"
}

@test "worker: interrupt and ping are answered while a run is under way" {
	sim_script '{"match":{"user":"slow"},"reply":{"text":"abcdefghij","chunk":1,"chunk_delay_ms":500}}' '{"reply":{"text":"fine"}}'
	start
	ask '{"id":1,"op":"create"}'
	id=$(answer 1 | jq -r .result.session_id)
	ask "{\"id\":2,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"slow\"}" "{\"id\":3,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"next\"}"
	wait_for grep -q text_delta "$T/out"
	ask '{"id":4,"op":"ping"}'
	same "$(answer 4 | jq -c .result)" '{"busy":true}'
	ask '{"id":5,"op":"interrupt","session":"another"}'
	same "$(answer 5 | jq -c .result)" '{"interrupted":false}'
	ask "{\"id\":6,\"op\":\"interrupt\",\"session\":\"$id\"}"
	same "$(answer 6 | jq -c .result)" '{"interrupted":true}'
	same "$(answer 2 | jq -r .error.code)" REQUEST_CANCELLED
	same "$(answer 3 | jq -r .result.text)" fine
	ask '{"id":7,"op":"interrupt"}' '{"id":8,"op":"ping"}'
	same "$(answer 7 | jq -c .result)" '{"interrupted":false}'
	same "$(answer 8 | jq -c .result)" '{"busy":false}'
	end
}

@test "worker: a failing run is an error with its cause; the worker goes on" {
	sim_script '{"match":{"user":"bad"},"reply":{"status":400,"error":{"type":"x","message":"no such thing"}}}' '{"reply":{"text":"fine"}}'
	start
	ask '{"id":1,"op":"create"}'
	id=$(answer 1 | jq -r .result.session_id)
	ask "{\"id\":2,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"bad\"}" "{\"id\":3,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"good\"}"
	same "$(answer 2 | jq -c '[.error.code,.error.retryable,.error.provider_status]')" '["PROVIDER_ERROR",false,400]'
	same "$(answer 3 | jq -r .result.text)" fine
	end
}

@test "worker: queued input is drained; an empty queue is outcome nothing" {
	sim echo
	id=$(rkat-session create)
	rkat-session input "$id" one >/dev/null
	rkat-session input "$id" two >/dev/null
	start
	ask "{\"id\":1,\"op\":\"run\",\"session\":\"$id\",\"drain\":true}" "{\"id\":2,\"op\":\"run\",\"session\":\"$id\",\"drain\":true}"
	same "$(answer 1 | jq -r .outcome)" completed
	same "$(answer 2 | jq -r .outcome)" nothing
	same "$(jq -r 'select(.event.payload.type == "run_completed") | .event.payload.result' "$T/out")" "$(printf 'You said: one\nYou said: two')"
	end
}

@test "worker: its connection to the model is reused" {
	sim echo
	to=$(printf %04X "${SIM##*:}")
	id=$(rkat-session create)
	start
	for n in 1 2 3; do
		ask "{\"id\":$n,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"hi\"}"
		answer $n >/dev/null
		awk -v to="$to" 'substr($3, 10) == to && $4 == "01" { print $2 }' /proc/net/tcp >"$T/from.$n"	# proc(5): established
	done
	end
	same "$(wc -l <"$T/from.1")" 1
	same "$(cat "$T/from.1")" "$(cat "$T/from.3")"
}

@test "worker: exit and the end of input both let finish what was asked" {
	sim echo
	id=$(rkat-session create)
	printf '%s\n' "{\"id\":1,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"a\"}" '{"id":2,"op":"exit"}' \
	    "{\"id\":3,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"b\"}" | rkat-turn --worker >"$T/out"
	same "$(jq -c 'select(.result) | .id' "$T/out" | tr '\n' ' ')" "1 2 "
	printf '{"id":4,"op":"run","session":"%s","prompt":"c"}' "$id" | rkat-turn --worker >"$T/out"
	same "$(jq -r 'select(.result) | .result.text' "$T/out")" "You said: c"
}

@test "worker: SIGTERM ends the run with its terminal event and its answer, exit 143" {
	sim_script '{"reply":{"text":"abcdefghij","chunk":1,"chunk_delay_ms":500}}'
	id=$(rkat-session create)
	start
	ask "{\"id\":1,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"slow\"}"
	wait_for grep -q text_delta "$T/out"
	kill -TERM "$W"
	end
	[ "$S" -eq 143 ]
	same "$(answer 1 | jq -r .error.code)" REQUEST_CANCELLED
	same "$(rkat-session events "$id" | jq -r .payload.type | grep -c 'run_failed\|run_completed')" 1
}

@test "worker: what waits when it ends is answered, too" {
	sim_script '{"reply":{"text":"abcdefghij","chunk":1,"chunk_delay_ms":500}}'
	id=$(rkat-session create)
	start
	for n in 1 2 3; do ask "{\"id\":$n,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"slow\"}"; done
	wait_for grep -q text_delta "$T/out"
	kill -TERM "$W"
	end
	for n in 1 2 3; do same "$(answer $n | jq -r .error.code)" REQUEST_CANCELLED; done
	same "$(db 'SELECT count(*) FROM runs')" 1
}

@test "worker: idle, SIGTERM ends it at once" {
	start
	ask '{"id":1,"op":"ping"}'
	answer 1 >/dev/null
	kill -TERM "$W"
	end
	[ "$S" -eq 143 ]
}

@test "worker: nobody reads its answers any more: it stops" {
	sim_script '{"reply":{"repeat":{"text":"0123456789","times":100000},"chunk":100,"chunk_delay_ms":1}}'
	id=$(rkat-session create)
	s=$( { { echo "{\"id\":1,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"big\"}"; wait_for test -e "$T/status"; } |
	    { rkat-turn --worker; echo $? >"$T/status"; } } | head -n 5 >/dev/null; cat "$T/status")
	same "$s" 141
}

# called N: the call of a tool that the worker asked for as the N-th.
called() { jq -c 'select(.tool) | .tool' "$T/out" | sed -n "$1p" | grep .; }
tool_def() { printf '{"name":"%s","description":"d","input_schema":{"type":"object"}}' "$1"; }
asks_tool() {	# NAME...: the model asks for these at once, then repeats what came of them
	local calls="" n
	for n; do calls="$calls${calls:+,}{\"id\":\"c-$n\",\"name\":\"$n\",\"args\":{\"n\":9007199254740993}}"; done
	sim_script "{\"match\":{\"has_tool_result\":false,\"user\":\"use\"},\"reply\":{\"tool_calls\":[$calls]}}" \
	    '{"match":{"has_tool_result":true},"reply":{"text":"it said {{tool_result}}"}}' '{"reply":{"text":"plain"}}'
}
event_types() { rkat-session events "$1" | jq -r .payload.type | grep -v text_ | tr '\n' ' '; }
tool_results() { rkat-session history "$1" | jq -r 'select(.role == "tool_results") | .results[] | "\(.is_error) \(.content)"'; }

@test "worker: a tool that its asker runs, both ways" {
	asks_tool look
	start
	ask '{"id":1,"op":"create"}'
	id=$(answer 1 | jq -r .result.session_id)
	ask "{\"id\":2,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"use it\",\"tools\":[$(tool_def look)]}"
	wait_for called 1
	same "$(grep '"tool":' "$T/out")" '{"id":2,"tool":{"tool_use_id":"c-look","name":"look","arguments":{"n":9007199254740993}}}'
	ask '{"id":3,"op":"tool_result","tool_use_id":"other","content":"x"}' '{"id":4,"op":"tool_result","tool_use_id":"c-look","content":"found"}'
	same "$(answer 3 | jq -c .result)" '{"taken":false}'
	same "$(answer 4 | jq -c .result)" '{"taken":true}'
	same "$(answer 2 | jq -r .result.text)" "it said found"
	ask '{"id":5,"op":"tool_result","tool_use_id":"c-look"}' '{"id":6,"op":"tool_result"}' '{"id":7,"op":"tool_result","tool_use_id":"x","content":7}' \
	    '{"id":8,"op":"tools","tools":[]}' '{"id":9,"op":"tools","run":2,"tools":[{"name":"a"}]}' '{"id":10,"op":"tools","run":2,"tools":[]}'
	same "$(answer 5 | jq -c .result)" '{"taken":false}'
	answer 10 >/dev/null
	same "$(jq -rs 'map(select(.id > 5 and .error)) | map(.error.message) | .[]' "$T/out")" "$(printf '%s\n' \
	    '/tool_use_id: want a string' '/content: want a string or an array of blocks' '/run: want the id of a run' '/tools/0/description: want a string')"
	same "$(answer 10 | jq -c .result)" '{"taken":false}'
	end
	same "$(event_types "$id")" "run_started turn_started tool_call_requested tool_execution_started tool_execution_completed tool_result_received turn_started turn_completed run_completed "
}

@test "worker: calls of one answer are out together; arguments that are no object ask for nothing" {
	sim_script '{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"id":"a","name":"one","args":{}},{"id":"b","name":"two","args":"[1]"},{"id":"c","name":"two","args":{}}]}}' '{"reply":{"text":"ok"}}'
	id=$(rkat-session create)
	start
	ask "{\"id\":2,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"x\",\"tools\":[$(tool_def one),$(tool_def two)]}"
	wait_for called 2
	ask '{"op":"tool_result","tool_use_id":"c","content":"C","is_error":true}' '{"op":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"A"}]}'
	same "$(answer 2 | jq -r .result.tool_calls)" 3
	same "$(grep -c '"tool":' "$T/out")" 2
	has "$(tool_results "$id")" '{"error":"invalid_arguments"'
	has "$(tool_results "$id")" 'true C'
	end
}

@test "worker: a tool that nobody answers is an error after its limit" {
	asks_tool look
	rkat-config patch '{"tools":{"tool_timeouts":{"look":150}}}' >/dev/null
	id=$(rkat-session create)
	start
	ask "{\"id\":2,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"use\",\"tools\":[$(tool_def look)]}"
	answer 2 >/dev/null
	same "$(tool_results "$id")" "true {\"error\":\"execution_failed\",\"message\":\"Tool execution failed: Callback tool 'look' timed out after 150ms\"}"
	ask '{"id":3,"op":"tool_result","tool_use_id":"c-look"}'
	same "$(answer 3 | jq -c .result)" '{"taken":false}'
	end
}

@test "worker: tools that come and go are told before the next model call" {
	asks_tool look
	id=$(rkat-session create)
	start
	ask "{\"id\":2,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"use\",\"tools\":[$(tool_def look)]}"
	wait_for called 1
	ask "{\"id\":3,\"op\":\"tools\",\"run\":2,\"tools\":[$(tool_def look),$(tool_def more)]}" '{"id":4,"op":"tool_result","tool_use_id":"c-look","content":"1"}'
	answer 2 >/dev/null
	same "$(answer 3 | jq -c .result)" '{"taken":true}'
	same "$(jq -c 'select(.event.payload.type == "tool_config_changed") | .event.payload.payload' "$T/out")" \
	    '{"operation":"add","target":"callback:more","status":"applied","persisted":true,"applied_at_turn":1}'
	same "$(jq -c '[.body.tools[].name | select(. == ("look", "more"))]' "$T/sim.log" | tail -n 2 | tr '\n' ' ')" '["look"] ["look","more"] '
	ask "{\"id\":5,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"hi\",\"tools\":[$(tool_def more)]}"
	same "$(answer 5 | jq -r .result.text)" plain
	same "$(jq -c 'select(.id == 5 and .event.payload.type == "tool_config_changed") | .event.payload.payload | [.operation, .target, .applied_at_turn]' "$T/out")" \
	    '["remove","callback:look",0]'
	end
}

@test "worker: a session's own tools are kept; where nobody runs them the run stops and waits" {
	asks_tool look datetime
	start
	ask "{\"id\":1,\"op\":\"create\",\"enable_builtins\":true,\"external_tools\":[$(tool_def look)]}"
	id=$(answer 1 | jq -r .result.session_id)
	same "$(db "SELECT json_extract(build, '\$.recoverable_tool_defs[0].provenance') FROM sessions")" '{"kind":"callback","source_id":"callback"}'
	ask "{\"id\":2,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"use\"}"
	same "$(answer 2 | jq -c .outcome)" '"callback"'
	has "$(cat "$T/out")" '"pending":{"tool_name":"look","args":{"n":9007199254740993,"tool_use_id":"c-look"}}}'
	same "$(event_types "$id")" "run_started turn_started tool_call_requested tool_call_requested tool_execution_started tool_execution_started tool_execution_completed tool_result_received interaction_callback_pending run_failed "
	same "$(rkat-session events "$id" | tail -n 1 | jq -r .payload.error)" "Callback pending for tool 'look'"
	# Who cannot run it either and says nothing new finds it waiting; nothing is lost.
	rkat-session input "$id" later >/dev/null
	ask "{\"id\":3,\"op\":\"run\",\"session\":\"$id\",\"drain\":true}"
	same "$(answer 3 | jq -c '[.outcome, .pending.tool_name]')" '["callback","look"]'
	same "$(db 'SELECT count(*) FROM inputs WHERE state = "queued"')" 1
	# Who has it runs it, before anything else; the other call is not run again.
	ask "{\"id\":4,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"go on\",\"tools\":[$(tool_def look)]}"
	wait_for called 1
	ask '{"op":"tool_result","tool_use_id":"c-look","content":"at last"}'
	same "$(answer 4 | jq -r .outcome)" completed
	same "$(rkat-session history "$id" | jq -r .role | tr '\n' ' ')" "system user block_assistant tool_results user block_assistant "
	has "$(tool_results "$id")" "false at last"
	same "$(tool_results "$id" | wc -l)" 2
	same "$(jq -r 'select(.event.payload.type == "tool_execution_started") | .event.payload.name' "$T/out" | tr '\n' ' ')" "look datetime look "
	end
}

@test "worker: a waiting call is closed by a prompt of somebody who cannot run it" {
	asks_tool look
	start
	ask "{\"id\":1,\"op\":\"create\",\"enable_builtins\":true,\"external_tools\":[$(tool_def look)]}"
	id=$(answer 1 | jq -r .result.session_id)
	end
	rkat resume "$id" use --json >"$T/json"
	same "$(jq -c '[.status, .resumable, .pending_tool_calls[0].tool_name]' "$T/json")" '["pending_tool_call",true,"look"]'
	rkat resume "$id" "never mind" >"$T/text"
	same "$(tail -n 1 "$T/text")" plain
	has "$(tool_results "$id")" "nobody ran it, and the conversation went on"
}

@test "worker: a builtin and the session's own definition win over tools of the run" {
	asks_tool datetime
	start
	ask "{\"id\":1,\"op\":\"create\",\"enable_builtins\":true,\"external_tools\":[{\"name\":\"look\",\"description\":\"its own\",\"input_schema\":{}}]}"
	id=$(answer 1 | jq -r .result.session_id)
	ask "{\"id\":2,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"use\",\"tools\":[$(tool_def more),$(tool_def look),$(tool_def datetime)]}"
	answer 2 >/dev/null
	same "$(grep -c '"tool":' "$T/out" || :)" 0
	same "$(jq -c '[.body.tools[] | select(.name == ("look", "more", "datetime")) | .name]' "$T/sim.log" | tail -n 1)" '["datetime","look","more"]'
	same "$(jq -r '.body.tools[] | select(.name == "look") | .description' "$T/sim.log" | tail -n 1)" "its own"
	end
}

@test "worker: killed while a waiting call is run, the call is interrupted, not run again" {
	asks_tool look
	start
	ask "{\"id\":1,\"op\":\"create\",\"enable_builtins\":true,\"external_tools\":[$(tool_def look)]}"
	id=$(answer 1 | jq -r .result.session_id)
	ask "{\"id\":2,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"use\"}"
	answer 2 >/dev/null
	ask "{\"id\":3,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"hi\",\"tools\":[$(tool_def look)]}"
	wait_for called 1
	kill -KILL "$W"
	end
	rkat-turn "$id" again >/dev/null
	has "$(tool_results "$id")" "the process that ran it died"
}

@test "worker: a turn without tools waits for the disk twice: for its prompt and for its end" {
	command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null || skip "needs strace"
	sim_script '{"match":{"user":"tool","has_tool_result":false},"reply":{"tool_calls":[{"id":"c","name":"datetime","args":{}}]}}' '{"reply":{"text":"ok"}}'
	mkfifo "$T/in"
	strace -o "$T/trace" -e trace=fdatasync rkat-turn --worker <"$T/in" >"$T/out" 2>"$T/err" 3>&- &
	W=$!
	exec 9>"$T/in"
	synced() { grep -c '^fdatasync' "$T/trace"; }
	ask '{"id":1,"op":"create"}'
	id=$(answer 1 | jq -r .result.session_id)
	before=$(synced)
	ask "{\"id\":2,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"hi\"}"
	answer 2
	same "$(($(synced) - before))" 2
	# What tools are started for is on disk first.
	before=$(synced)
	ask "{\"id\":3,\"op\":\"run\",\"session\":\"$id\",\"prompt\":\"tool\"}"
	answer 3
	[ $(($(synced) - before)) -ge 4 ]
	end
}
