load rpc

# comms/send, comms/peers and sessions with a comms name over JSON-RPC: rpc sheet
# sections 7.1 and 10.2, comms sheet sections 17 and 18.

# named NAME [MEMBERS]: a session with a comms name; its id is $ID.
named() {
	N=$((N + 1))
	ID=$(got $N session/create "{\"prompt\":\"hello\",\"comms_name\":\"$1\"${2:+,$2}}" | jq -r .result.session_id)
	[ "${#ID}" -eq 36 ]
}
pair() { named alice && A=$ID && named bob && P=$ID; }
# send ID PARAMS: what it answers, as [code, message, data] or the result.
send() { got "$1" comms/send "$2" | jq -c --argjson id "$1" 'select(.id == $id) | if .error then [.error.code, .error.message, .error.data] else .result end'; }
heard() { rkat-session history "$1" | jq -r 'select(.role == "user") | .content' | grep -F -- "$2"; }
NONE=00000000-0000-7000-8000-000000000000

@test "rpc-comms: two sessions of a server see each other and talk; what arrives wakes the receiver" {
	sim echo
	rpc
	pair
	got 1 comms/peers "{\"session_id\":\"$A\"}" >peers
	same "$(jq -c '.result.peers | map([.name, .address, .source, .sendable_kinds, .reachability, .last_unreachable_reason, .capabilities, .meta])' peers)" \
	    '[["bob","inproc://bob","Inproc",["peer_message","peer_request","peer_response"],"unknown",null,{},{}]]'
	has "$(jq -r '.result.peers[0].peer_id' peers)" ed25519:
	send 2 "{\"session_id\":\"$A\",\"kind\":\"peer_message\",\"to\":\"bob\",\"body\":\"look here\",\"handling_mode\":\"steer\"}" >sent
	same "$(jq -c 'del(.envelope_id)' sent)" '{"kind":"peer_message_sent","acked":true,"delivery":"delivered"}'
	wait_for heard "$P" "[COMMS MESSAGE from alice]"
	heard "$P" "look here"
	# Its run is told to the client that made it run.
	wait_for jq -e --arg s "$P" 'select(.method == "session/event" and .params.session_id == $s and .params.event.payload.type == "run_completed" and (.params.event.payload.result | contains("look here")))' "$T/out"
	same "$(got 3 comms/peers "{\"session_id\":\"test:$A\"}" | jq -c '.result.peers[0] | [.reachability, .last_unreachable_reason]')" '["reachable",null]'
	end
	[ "$S" -eq 0 ]
}

@test "rpc-comms: a request and its response, by name or by peer_id, with the ids of the contract" {
	sim echo
	rpc
	pair
	key=$(got 1 comms/peers "{\"session_id\":\"$A\"}" | jq -r '.result.peers[0].peer_id')
	send 2 "{\"session_id\":\"$A\",\"kind\":\"peer_request\",\"to\":\"$key\",\"intent\":\"review\",\"params\":{\"n\":9007199254740993},\"handling_mode\":\"queue\"}" >sent
	same "$(jq -c '[.kind, .envelope_id == .request_id]' sent)" '["peer_request_sent",true]'
	Q=$(jq -r .request_id sent)
	wait_for heard "$P" "[COMMS REQUEST from alice (id: $Q)]"
	rkat-session history "$P" | grep -qF 9007199254740993
	same "$(send 3 "{\"session_id\":\"$P\",\"kind\":\"peer_response\",\"to\":\"alice\",\"in_reply_to\":\"{$Q}\",\"result\":{\"ok\":true}}" | jq -c 'del(.envelope_id)')" \
	    "{\"kind\":\"peer_response_sent\",\"in_reply_to\":\"$Q\",\"delivery\":\"delivered\"}"
	wait_for heard "$A" "[COMMS RESPONSE from bob (to request: $Q)]"
	same "$(send 4 "{\"session_id\":\"$A\",\"kind\":\"input\",\"body\":\"from my host\",\"allow_self_session\":true}" | jq -c '[.kind, (.interaction_id | length)]')" '["input_accepted",36]'
	wait_for heard "$A" "from my host"
	end
}

@test "rpc-comms: what is wrong with a command, member by member, and what cannot be sent" {
	sim echo
	rpc
	pair
	invalid() {
		local want=$3
		same "$(send "$1" "{\"session_id\":\"$A\",$2}")" "[-32602,\"Command validation failed\",{\"code\":\"invalid_command\",\"message\":\"Command validation failed\",\"details\":[$want]}]"
	}
	need() { printf '{"field":"%s","issue":"required_field"}' "$1"; }
	invalid 1 '"kind":"peer_message"' "$(need to),$(need handling_mode)"
	invalid 2 '"kind":"peer_message","to":"\u0007","handling_mode":"later"' '{"field":"to","issue":"invalid_value","got":"\u0007"},{"field":"handling_mode","issue":"invalid_value","got":"later"}'
	invalid 3 '"kind":"peer_request"' "$(need to),$(need intent)"
	invalid 4 '"kind":"peer_request","to":"bob","intent":"x","stream":"s"' '{"field":"stream","issue":"removed_unsupported_field","got":"s"}'
	invalid 5 '"kind":"peer_response","to":"bob","in_reply_to":"7"' '{"field":"in_reply_to","issue":"invalid_uuid","got":"7"}'
	invalid 6 "\"kind\":\"peer_response\",\"to\":\"bob\",\"in_reply_to\":\"$NONE\",\"status\":\"accepted\",\"handling_mode\":\"queue\"" '{"field":"handling_mode","issue":"forbidden_for_accepted_response","got":"queue"}'
	invalid 7 '"kind":"input","source":"mail"' "$(need body),"'{"field":"source","issue":"invalid_value","got":"mail"}'
	invalid 8 '"kind":"smoke"' '{"field":"kind","issue":"unknown_kind","got":"smoke"}'
	same "$(send 9 "{\"session_id\":\"$A\",\"kind\":\"peer_message\",\"to\":\"carol\",\"handling_mode\":\"queue\"}")" \
	    "[-32603,\"peer 'carol' is not found or not trusted\",{\"code\":\"peer_not_found_or_not_trusted\",\"peer\":\"carol\",\"message\":\"peer 'carol' is not found or not trusted\"}]"
	self="validation failed: self-session input rejected: set allow_self_session=true to override"
	same "$(send 10 "{\"session_id\":\"$A\",\"kind\":\"input\",\"body\":\"x\"}")" "[-32603,\"$self\",{\"code\":\"send_failed\",\"message\":\"$self\"}]"
	same "$(send 11 "{\"session_id\":\"$A\",\"kind\":7}" | jq -c '.[0]')" -32602
	end
}

@test "rpc-comms: who takes no part is told so, an archived session by name; ids are echoed as they came" {
	sim echo
	rpc
	new plain
	out="Session not found or comms not enabled"
	for m in comms/peers comms/send; do
		N=$((N + 1))
		same "$(got "$N" $m "{\"session_id\":\"$ID\",\"kind\":\"input\",\"body\":\"x\"}" | jq -c '[.error.code, .error.message]')" "[-32602,\"$out: $ID\"]"
		N=$((N + 1))
		same "$(got "$N" $m "{\"session_id\":\"$NONE\",\"kind\":\"input\",\"body\":\"x\"}" | jq -c '[.error.code, .error.message]')" "[-32602,\"$out: $NONE\"]"
		N=$((N + 1))
		same "$(got "$N" $m '{"session_id":"x"}' | jq -c .error.code)" -32602
	done
	named gone
	got 1 session/archive "{\"session_id\":\"$ID\"}"
	ask "{\"jsonrpc\":\"2.0\",\"id\":\"a \\u0041\",\"method\":\"comms/send\",\"params\":{\"session_id\":\"$ID\",\"kind\":\"input\",\"body\":\"x\"}}"
	wait_for grep -qxF "{\"jsonrpc\":\"2.0\",\"id\":\"a \\u0041\",\"error\":{\"code\":-32602,\"message\":\"Session is archived: $ID\"}}" "$T/out"
	same "$(got 2 initialize | jq -c '.result.methods[-2:]')" '["comms/send","comms/peers"]'
	end
}

@test "rpc-comms: keep_alive answers at once, its first turn comes afterwards; it needs a name" {
	sim echo
	rpc
	same "$(got 1 session/create '{"prompt":"hi","keep_alive":true}' | jq -c '[.error.code, .error.message]')" \
	    '[-32602,"keep_alive requires a session created with comms_name"]'
	same "$(got 2 session/create '{"prompt":"hi","comms_name":"r","peer_meta":{"labels":{"role":"x","mob_id":"m"}}}' | jq -c '[.error.code, .error.message]')" \
	    "[-32602,\"peer_meta label 'mob_id' is reserved for mob-managed sessions\"]"
	same "$(rkat-session list --json | jq length)" 0
	got 3 session/create '{"prompt":"stay","comms_name":"r","keep_alive":true,"peer_meta":{"description":"d","labels":{"k":"v"}}}' >made
	same "$(jq -c '.result | [.text, .turns, .tool_calls, .usage]' made)" '["",0,0,{"input_tokens":0,"output_tokens":0,"total_tokens":0}]'
	ID=$(jq -r .result.session_id made)
	wait_for jq -e 'select(.method == "session/event" and .params.event.payload.type == "run_completed" and .params.event.payload.result == "You said: stay")' "$T/out"
	same "$(db 'SELECT name, resident, meta FROM participants')" 'r|1|{"description":"d","labels":{"k":"v"}}'
	# A turn changes it, at once.
	same "$(got 4 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"x\",\"keep_alive\":false}" | jq -r .result.text)" "You said: x"
	same "$(db 'SELECT resident FROM participants')" 0
	same "$(db "SELECT meta ->> 'keep_alive', meta ->> 'comms_name' FROM sessions")" '0|r'
	got 5 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"x\",\"keep_alive\":true}" >/dev/null
	same "$(db 'SELECT resident FROM participants')" 1
	got 6 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"x\"}" >/dev/null
	same "$(db 'SELECT resident FROM participants')" 1
	new plain
	same "$(got 7 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"x\",\"keep_alive\":true}" | jq -c '[.error.code, .error.message]')" \
	    '[-32602,"keep_alive requires a session created with comms_name"]'
	end
	[ "$S" -eq 0 ]
}

peerd() { pgrep -f "rkat-peerd .*--realm test --state-root $RKAT_STATE_ROOT" | head -n 1; }
keeps() { rkat-session list >/dev/null && [ -n "$(peerd)" ] && grep -q " $(realm_dir)/run/peerd.sock$" /proc/net/unix; }
gone() { ! kill -0 "$1"; }

@test "rpc-comms: a server with a resident keeps a peerd for the network, starts it again, and takes it along" {
	sim echo
	rpc
	named plain
	got 1 session/create '{"prompt":"stay","comms_name":"r","keep_alive":true}'
	wait_for keeps
	first=$(peerd)
	kill -9 "$first"
	wait_for gone "$first"
	wait_for keeps
	[ "$(peerd)" != "$first" ]
	# The server itself runs the turns of what peerd takes in, for its client hears of them.
	same "$(send 2 "{\"session_id\":\"$ID\",\"kind\":\"peer_message\",\"to\":\"r\",\"body\":\"hey\",\"handling_mode\":\"queue\"}" | jq -r .delivery)" delivered
	wait_for jq -e 'select(.method == "session/event" and .params.event.payload.type == "run_completed" and (.params.event.payload.result | contains("hey")))' "$T/out"
	last=$(peerd)
	end
	[ "$S" -eq 0 ]
	wait_for gone "$last"
}

@test "rpc-comms: a peerd of somebody else's is left alone" {
	sim echo
	rkat-session create --comms-name x --keep-alive >/dev/null
	rkat-peerd 2>"$T/peerd" 3>&- &
	other=$!
	wait_for test -S "$(realm_dir)/run/peerd.sock"
	rpc
	got 1 session/create '{"prompt":"stay","comms_name":"r","keep_alive":true}'
	wait_for heard "$(reply 1 | jq -r .result.session_id)" stay
	same "$(pgrep -cf "rkat-peerd.*--state-root $RKAT_STATE_ROOT")" 0
	end
	kill "$other"
	wait "$other"
}
