load rpc

# The twelve acceptance checks of the contract's RPC sheet (section 14), one test each.

error_of() { reply "$1" | jq -r '[.error.code, .error.message] | join(" ")'; }
turn() { call "$1" turn/start "{\"session_id\":\"$2\",\"prompt\":\"$3\"}"; }
text_of() { reply "$1" | jq -r .result.text; }
started() { grep -q '"delta":"a"' "$T/out"; }
roles() { rkat-session history "$1" | jq -r .role | tr '\n' ' '; }

@test "acceptance 1: garbage, an empty line, a batch, an unknown method, a notification and a request get their answers, in order; exit 0" {
	rpc
	ask 'x' '' '[]' '{"jsonrpc":"2.0","id":1,"method":"nope"}' '{"jsonrpc":"2.0","method":"initialized"}' '{"jsonrpc":"2.0","id":"a","method":"initialize"}'
	reply '"a"' >/dev/null
	same "$(jq -c '[.id, .error.code, has("result")]' "$T/out" | tr '\n' ' ')" '[null,-32700,false] [null,-32700,false] [1,-32601,false] ["a",null,true] '
	end
	same "$S" 0
}

@test "acceptance 2: initialize says the contract as a string, capabilities/get as an object; sessions are available" {
	rpc
	same "$(got 1 initialize '{}' | jq -c .result.contract_version)" '"0.5.2"'
	same "$(got 2 capabilities/get '{}' | jq -c '.result.contract_version, (.result.capabilities[] | select(.id == "sessions") | .status)')" \
	    "$(printf '{"major":0,"minor":5,"patch":2}\n"Available"')"
}

@test "acceptance 3: a create tells run_started to run_completed, seq from 1 on, then replies; the history has system, user, block_assistant" {
	sim_script '{"reply":{"text":"The answer."}}'
	rpc
	new "a question"
	same "$(types | tr '\n' ' ' | tr -s ' ')" "$(printf 'run_started turn_started %stext_complete turn_completed run_completed ' "$(types | grep text_delta | tr '\n' ' ')")"
	same "$(jq 'select(.method == "session/event") | .params.event.seq' "$T/out")" "$(seq "$(types | wc -l)")"
	same "$(tail -n 1 "$T/out" | jq -c '[.id, .result.text]')" "[$N,\"The answer.\"]"
	same "$(got 1 session/history "{\"session_id\":\"$ID\"}" | jq -c '[.result.messages[].role]')" '["system","user","block_assistant"]'
}

@test "acceptance 4: a registered tool is asked for as srv-0 and its answer used; one that is not answered for 30 s is an error of the tool" {
	sim_script '{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"id":"t1","name":"look","args":{"q":"x"}}]}}' '{"reply":{"text":"It said {{tool_result}}"}}'
	rpc
	same "$(got 1 tools/register '{"tools":[{"name":"look","description":"Tool: look","input_schema":{"type":"object"}}]}' | jq -c .result)" '{"registered":1}'
	call 2 session/create '{"prompt":"go"}'
	asked() { grep -q "\"id\":\"srv-$1\"" "$T/out"; }
	wait_for asked 0
	same "$(grep '"id":"srv-0"' "$T/out")" '{"jsonrpc":"2.0","id":"srv-0","method":"tool/execute","params":{"tool_use_id":"t1","name":"look","arguments":{"q":"x"}}}'
	ask '{"jsonrpc":"2.0","id":"srv-0","result":{"content":"found it","is_error":false}}'
	same "$(text_of 2)" "It said found it"
	same "$(types | grep -v _delta | tr '\n' ' ')" "run_started turn_started tool_call_requested tool_execution_started tool_execution_completed tool_result_received turn_started text_complete turn_completed run_completed "
	call 3 session/create '{"prompt":"go"}'
	wait_for asked 1
	wait_for replied 3 || wait_for replied 3
	text_of 3 | grep -F "timed out after 30s"
	same "$(jq -c 'select(.params.event.payload.type == "tool_execution_completed") | .params.event.payload.is_error' "$T/out" | tr '\n' ' ')" "false true "
}

@test "acceptance 5: two turns on one session both succeed, in order; on two sessions they overlap" {
	held_script
	rpc
	new one
	A=$ID
	new two
	turn 1 "$A" wait
	turn 2 "$A" second
	turn 3 "$ID" other
	text_of 3
	release
	same "$(text_of 1) $(text_of 2) $(text_of 3)" "ab fine fine"
	same "$(jq -c 'select(.id and .id < 10) | .id' "$T/out" | tr '\n' ' ')" "3 1 2 "
	same "$(rkat-session history "$A" | jq -r 'select(.role == "user") | .content' | tr '\n' ' ')" "one wait second "
}

@test "acceptance 6: an interrupt says so at once, the turn fails without a terminal event, the next one works" {
	slow
	rpc
	new quick
	turn 1 "$ID" slow
	wait_for started
	same "$(got 2 turn/interrupt "{\"session_id\":\"$ID\"}" | jq -c .result)" '{"interrupted":true}'
	has "$(error_of 1)" "Run was cancelled"
	same "$(types | tail -n 1)" text_delta
	turn 3 "$ID" again
	same "$(text_of 3)" fine
}

@test "acceptance 7: a cancelled turn is answered with -32005" {
	slow
	rpc
	new quick
	turn 1 "$ID" slow
	wait_for started
	ask '{"jsonrpc":"2.0","method":"cancel","params":{"request_id":1}}'
	same "$(error_of 1)" "-32005 request cancelled before response publish"
}

@test "acceptance 8: a stream counts from 1, ends with explicit_close; closed once more it was closed already, then it is unknown" {
	sim_script '{"reply":{"text":"fine"}}'
	rpc
	new hi
	X=$(got 1 session/stream_open "{\"session_id\":\"$ID\"}" | jq -r .result.stream_id)
	turn 2 "$ID" more
	text_of 2
	of() { jq -c --arg m "session/stream_$1" --arg s "$X" 'select(.method == $m and .params.stream_id == $s) | .params' "$T/out"; }
	complete() { of event | grep -q run_completed; }
	wait_for complete
	same "$(of event | jq .sequence)" "$(seq "$(of event | wc -l)")"
	same "$(for n in 3 4 5; do got $n session/stream_close "{\"stream_id\":\"$X\"}" | jq .result.already_closed; done | tr '\n' ' ')" "false true false "
	same "$(of end | jq -c '[.ended, .outcome]')" '[true,"explicit_close"]'
}

@test "acceptance 9: the first turn of a deferred session says the create's prompt, a blank line, its own" {
	sim_script '{"reply":{"text":"fine"}}'
	rpc
	ID=$(got 1 session/create '{"prompt":"the task","initial_turn":"deferred"}' | jq -r .result.session_id)
	same "$(types)" ""
	turn 2 "$ID" "the rest"
	same "$(text_of 2)" fine
	same "$(rkat-session history "$ID" | jq -c 'select(.role == "user") | .content')" '"the task\n\nthe rest"'
}

@test "acceptance 10: a patch of a generation that is past is refused with -32602 and changes nothing" {
	rpc
	G=$(got 1 config/get '{}' | jq .result.generation)
	got 2 config/patch "{\"patch\":{\"max_tokens\":111},\"expected_generation\":$G}" | jq -e .result >/dev/null
	call 3 config/patch "{\"patch\":{\"max_tokens\":222},\"expected_generation\":$G}"
	same "$(error_of 3)" "-32602 Generation conflict: expected $G, current $((G + 1))"
	same "$(got 4 config/get '{}' | jq -c '[.result.generation, .result.config.max_tokens]')" "[$((G + 1)),111]"
}

@test "acceptance 11: a prompt input with one key twice is accepted, then deduplicated" {
	sim_script '{"reply":{"text":"fine"}}'
	rpc
	new hi
	A=01936f8a-7b2c-7000-8000-000000000001
	accept() { got "$1" runtime/accept "{\"session_id\":\"$ID\",\"input\":{\"input_type\":\"prompt\",\"text\":\"once\",\"header\":{\"id\":\"$2\",\"timestamp\":\"2026-04-10T14:00:00Z\",\"source\":{\"type\":\"operator\"},\"durability\":\"durable\",\"visibility\":{\"transcript_eligible\":true,\"operator_eligible\":true},\"idempotency_key\":\"k\"}}}"; }
	same "$(accept 1 $A | jq -c '.result | [.outcome_type, .input_id]')" "[\"accepted\",\"$A\"]"
	same "$(accept 2 "${A%1}2" | jq -c '.result | [.outcome_type, .existing_id]')" "[\"deduplicated\",\"$A\"]"
	ran() { [ "$(roles "$ID")" = "system user block_assistant user block_assistant " ]; }
	wait_for ran
}

@test "acceptance 12: the end of the input with a turn running ends the process within 5 s, exit 0" {
	slow
	rpc
	new quick
	turn 1 "$ID" slow
	wait_for started
	SECONDS=0
	end
	same "$S" 0
	[ "$SECONDS" -le 5 ]
	replied 1 | jq -e .error.code >/dev/null
}
