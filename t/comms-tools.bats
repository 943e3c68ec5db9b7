load rpc

# What an agent says to others: send_message, send_request, send_response, peers (comms
# sheet section 19, tools sheet section 6.3).

# agent NAME [ARGS]: a session with that comms name; its id is $ID.
agent() { ID=$(rkat-session create --tools full --comms-name "$@") && [ "${#ID}" -eq 36 ]; }
pair() { agent alice && A=$ID && agent bob && P=$ID; }
# use TOOL ARGS: the model calls it when the user says "use", and then says what came of it.
use() {
	sim_script "{\"match\":{\"has_tool_result\":false,\"user\":\"use\"},\"reply\":{\"tool_calls\":[{\"id\":\"t\",\"name\":\"$1\",\"args\":$2}]}}" \
	    '{"match":{"has_tool_result":true},"reply":{"text":"it said {{tool_result}}"}}' '{"reply":{"text":"plain: {{user}}"}}'
}
# result SESSION TOOL ARGS: is_error and the text of the tool's result.
result() {
	use "$2" "$3"
	rkat-turn "$1" use >/dev/null
	rkat-session history "$1" | jq -r 'select(.role == "tool_results") | .results[] | "\(.is_error) \(.content)"' | tail -n 1
}
wrong() { same "$(result "$A" "$1" "$2")" "true {\"error\":\"execution_failed\",\"message\":\"Tool execution failed: $3\"}"; }
heard() { rkat-session history "$1" | jq -r 'select(.role == "user") | .content' | grep -F -- "$2"; }
offered() { jq -r 'select(.path != null) | .request // .body // . | [.. | .tools? // empty | .[] | .name // .function.name? // empty] | join(" ")' "$T/sim.log" | tail -n 1; }
NONE=00000000-0000-7000-8000-000000000000

@test "comms tools: a message, a request by its other spelling and its response go between two sessions" {
	pair
	same "$(result "$A" send_message '{"to":"bob","body":"look here","handling_mode":"queue","more":1}')" 'false {"kind":"peer_message","status":"sent"}'
	same "$(result "$A" send_request '{"peer":"bob","intent":"review","params":{"n":9007199254740993},"handling_mode":"steer"}')" 'false {"kind":"peer_request","status":"sent"}'
	# Bob answers what he was asked, as the hint in the request says.
	sim_script '{"match":{"has_tool_result":false,"user":"COMMS REQUEST"},"reply":{"tool_calls":[{"id":"t","name":"send_response","args":{"peer":"alice","request_id":"{{user:(id: }}","status":"completed","result":{"ok":true}}}]}}' '{"reply":{"text":"done"}}'
	rkat-turn --drain "$P" >/dev/null
	heard "$P" "[COMMS MESSAGE from alice]"
	heard "$P" "look here"
	heard "$P" "[COMMS REQUEST from alice (id: "
	heard "$P" '\"n\": 9007199254740993'
	same "$(rkat-session history "$P" | jq -r 'select(.role == "tool_results") | .results[].content')" '{"kind":"peer_response","status":"sent"}'
	rkat-turn --drain "$A" >/dev/null
	heard "$A" "[COMMS RESPONSE from bob (to request: $(db "SELECT id FROM letters WHERE json LIKE '%review%'"))]"
	same "$(result "$A" peers '{}' | sed 's/^false //' | jq -c '.peers | map([.name, .source, .reachability])')" '[["bob","Inproc","reachable"]]'
}

@test "comms tools: what is wrong is said in the words of the sheet" {
	pair
	wrong send_message '{"body":"x","handling_mode":"queue"}' "to is required"
	wrong send_message '{"to":"bob","handling_mode":"queue"}' "peer_message requires body"
	wrong send_message '{"to":"bob","body":"x"}' 'handling_mode is required: use \"steer\" for normal collaboration or \"queue\" for next-turn processing'
	wrong send_message '{"to":"bob","body":"x","handling_mode":"later"}' invalid_value
	wrong send_message '{"to":"carol","body":"x","handling_mode":"queue"}' "peer_not_found_or_not_trusted: peer 'carol' is not found or not trusted"
	wrong send_request '{"to":"bob","handling_mode":"queue"}' "peer_request requires intent"
	wrong send_request '{"to":"bob","intent":"x","handling_mode":"queue","stream":"s"}' "stream field has been removed (got: s)"
	wrong send_response '{"to":"bob","status":"completed"}' "peer_response requires in_reply_to"
	wrong send_response '{"to":"bob","in_reply_to":"7","status":"completed"}' "invalid UUID for in_reply_to: 7"
	wrong send_response "{\"to\":\"bob\",\"in_reply_to\":\"$NONE\",\"status\":\"great\"}" "invalid status: great"
	wrong send_response "{\"to\":\"bob\",\"in_reply_to\":\"$NONE\",\"status\":\"accepted\",\"handling_mode\":\"queue\"}" forbidden_for_accepted_response
	has "$(result "$A" send_message '{"to":7,"body":"x","handling_mode":"queue"}')" "Tool execution failed: Invalid arguments: "
	same "$(db 'SELECT count(*) FROM letters')" 0
}

@test "comms tools: offered behind the others while there is a peer, looked up for each call; else no tool" {
	agent alice
	A=$ID
	same "$(result "$A" peers '{}')" 'true {"error":"tool_not_found","message":"Tool not found: peers"}'
	lacks "$(offered)" send_message
	agent bob
	P=$ID
	same "$(result "$A" peers '{}' | cut -c1-17)" 'false {"peers":[{'
	has "$(offered) " " send_message send_request send_response peers "
	rkat-session delete "$P" >/dev/null
	use peers '{}'
	rkat-turn "$A" use >/dev/null
	lacks "$(offered)" send_message
	# Somebody outside that the realm trusts counts as well.
	rkat-comms trust add carol "$(rkat-comms identity --json | jq -r .public_key)" tcp://127.0.0.1:9 >/dev/null
	rkat-turn "$A" use >/dev/null
	has "$(offered) " " peers "
	# Who has no comms name has none of it.
	S=$(rkat-session create --tools full)
	rkat-turn "$S" use >/dev/null
	lacks "$(offered)" peers
	rkat-session history "$A" | jq -r 'select(.role == "system") | .content' | grep -qF '# Inter-agent Communication'
	! rkat-session history "$S" | jq -r 'select(.role == "system") | .content' | grep -qF '# Inter-agent'
}

@test "comms tools: steer reaches a running turn at its next boundary, queue waits for the next" {
	pair
	mkfifo go
	sim_script '{"match":{"has_tool_result":false,"user":"begin"},"reply":{"tool_calls":[{"id":"w","name":"shell","args":{"command":"touch started; cat go"}}]}}' \
	    '{"match":{"has_tool_result":false,"user":"tell alice"},"reply":{"tool_calls":[{"id":"a","name":"send_message","args":{"to":"alice","body":"later please","handling_mode":"queue"}},{"id":"b","name":"send_message","args":{"to":"alice","body":"turn left","handling_mode":"steer"}}]}}' \
	    '{"match":{"user":"turn left"},"reply":{"text":"I turn left"}}' '{"reply":{"text":"fine"}}'
	rkat-turn "$A" begin >events 3>&- &
	turn=$!
	wait_for test -e started
	rkat-turn "$P" "tell alice" >/dev/null
	echo now >go
	wait $turn
	same "$(jq -r 'select(.payload.type == "run_completed") | .payload.result' events)" "I turn left"
	heard "$A" "turn left"
	! heard "$A" "later please"
	rkat-turn --drain "$A" >/dev/null
	heard "$A" "later please"
}

@test "comms tools: a session of a server is woken by another's tool, and its client hears of it" {
	sim_script '{"match":{"has_tool_result":false,"user":"tell"},"reply":{"tool_calls":[{"id":"b","name":"send_message","args":{"to":"bob","body":"psst","handling_mode":"steer"}}]}}' '{"reply":{"text":"ok: {{user}}"}}'
	rpc
	P=$(got 1 session/create '{"prompt":"hello","comms_name":"bob"}' | jq -r .result.session_id)
	A=$(got 2 session/create '{"prompt":"tell him","comms_name":"alice"}' | jq -r .result.session_id)
	wait_for jq -e --arg s "$P" 'select(.method == "session/event" and .params.session_id == $s and .params.event.payload.type == "run_completed" and (.params.event.payload.result | contains("psst")))' "$T/out"
	# Also by a process that the server knows nothing of.
	use send_message '{"to":"bob","body":"from outside","handling_mode":"queue"}'
	agent carol
	rkat-turn "$ID" use >/dev/null
	wait_for heard "$P" "[COMMS MESSAGE from carol]"
	end
	[ "$S" -eq 0 ]
}
