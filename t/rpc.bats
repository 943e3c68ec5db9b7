load helper

# rpc [ARGS]: rkat-rpc on two pipes; ask LINE...; what it says lands in $T/out.
rpc() {
	rm -f "$T/in"
	mkfifo "$T/in"
	"${RPC:-rkat-rpc}" "$@" <"$T/in" >"$T/out" 2>"$T/err" 3>&- &
	R=$!
	exec 9>"$T/in"
}
ask() { printf '%s\n' "$@" >&9; }
# call ID METHOD [PARAMS]
call() { ask "{\"jsonrpc\":\"2.0\",\"id\":$1,\"method\":\"$2\"${3:+,\"params\":$3}}"; }
replied() { jq -c --argjson id "$1" 'select(.id == $id and .method == null)' "$T/out" | grep .; }
# reply ID: wait for the answer to this request.
reply() {
	wait_for replied "$1" || { cat "$T/out" "$T/err" >&2; return 1; }
	replied "$1"
}
# got ID METHOD [PARAMS]: ask and wait.
got() { call "$@" && reply "$1"; }
types() { jq -r 'select(.method == "session/event") | .params.event.payload.type' "$T/out"; }
# end: close its input; its status is $S.
end() {
	exec 9>&-
	S=0
	wait "$R" || S=$?
}
local_teardown() { { exec 9>&-; kill "$R"; wait "$R"; } 2>/dev/null || :; }

# new PROMPT: a session; its id is $ID, that of the request $N: 1001, 1002 ...
N=1000
new() {
	N=$((N + 1))
	ID=$(got $N session/create "{\"prompt\":\"$1\"}" | jq -r .result.session_id)
	[ "${#ID}" -eq 36 ]
}
slow() { sim_script '{"match":{"user":"slow"},"reply":{"text":"abcdefghij","chunk":1,"chunk_delay_ms":500}}' '{"reply":{"text":"fine"}}'; }

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
	    '{"jsonrpc":"2.0","id":"a\u0000b","method":"initialize"}' \
	    '{"jsonrpc":"2.0","id":99,"method":"initialize"}'
	reply 99 >/dev/null
	same "$(jq -c '[.id, .error.code // "ok"]' "$T/out" | tr '\n' ' ')" "$(printf '%s ' '[null,-32700]' '[null,-32700]' '[null,-32700]' \
	    '[null,-32700]' '[null,-32700]' '[null,-32700]' '[null,-32700]' '[null,-32700]' '[3,"ok"]' '[4,-32602]' '[5,-32602]' '[6,-32602]' \
	    '[8,-32601]' '[-9223372036854776000,"ok"]' '[null,-32700]' '["a\u0000b","ok"]' '[99,"ok"]')"
	same "$(reply 5 | jq -r .error.message)" "Missing params"
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
	sim_script '{"match":{"user":"wait"},"reply":{"text":"ab","chunk":1,"chunk_delay_ms":300}}' '{"reply":{"text":"fine"}}'
	rpc
	new one
	A=$ID
	new two
	call 1 turn/start "{\"session_id\":\"$A\",\"prompt\":\"wait\"}"
	call 2 turn/start "{\"session_id\":\"test:$A\",\"prompt\":\"second\"}"
	call 3 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"other\"}"
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
	[ "$SECONDS" -le 5 ]
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
