load helper

# POST /comms/send, GET /comms/peers, and sessions with a comms name over HTTP: rest
# sheet sections 4.1, 4.2, 5.9 and 5.10.

rest() {
	: >"$T/err"	# of one before
	rkat-rest --rest=127.0.0.1:0 "$@" >"$T/out" 2>"$T/err" 3>&- &
	R=$!
	wait_for grep -q 'http://' "$T/err"
	URL=$(grep -o 'http://[0-9.:]*' "$T/err" | head -n 1)
}
local_teardown() { { kill "$R"; wait "$R"; } 2>/dev/null || :; }
# req METHOD PATH [BODY]: the status to $T/status, the body printed and in $T/body.
req() {
	curl -sS --globoff -m 20 -o "$T/body" -w '%{http_code}' -X "$1" ${3:+-H 'Content-Type: application/json' -d "$3"} "$URL$2" >"$T/status"
	cat "$T/body"
}
status() { cat "$T/status"; }
is() {
	same "$(status)" "$1"
	same "$(cat "$T/body")" "$2"
}
# named NAME [MEMBERS]: its id is $ID.
named() {
	ID=$(req POST /sessions "{\"prompt\":\"hello\",\"comms_name\":\"$1\"${2:+,$2}}" | jq -r .session_id)
	[ "${#ID}" -eq 36 ]
}
pair() { named alice && A=$ID && named bob && P=$ID; }
send() { req POST /comms/send "{\"session_id\":\"$A\",$1}" >/dev/null; }
heard() { rkat-session history "$1" | jq -r 'select(.role == "user") | .content' | grep -F -- "$2"; }
NONE=00000000-0000-7000-8000-000000000000
bad() {
	send "$1"
	is 400 "{\"error\":\"$2\",\"code\":\"BAD_REQUEST\"}"
}

@test "rest-comms: a message, a request and its response, with the contract's receipts; peers" {
	sim echo
	rest
	pair
	send '"kind":"peer_message","to":"bob","body":"look here","handling_mode":"queue"'
	same "$(status) $(jq -c 'del(.envelope_id)' "$T/body")" '200 {"kind":"peer_message_sent","acked":true,"delivery":"delivered"}'
	wait_for heard "$P" "look here"
	send '"kind":"peer_request","to":"bob","intent":"review","body":"x","handling_mode":"steer"'
	Q=$(jq -r 'select(.envelope_id == .request_id) | .request_id' "$T/body")
	wait_for heard "$P" "[COMMS REQUEST from alice (id: $Q)]"
	req POST /comms/send "{\"session_id\":\"test:$P\",\"kind\":\"peer_response\",\"to\":\"alice\",\"in_reply_to\":\"$Q\",\"result\":7}" >/dev/null
	same "$(jq -c 'del(.envelope_id)' "$T/body")" "{\"kind\":\"peer_response_sent\",\"in_reply_to\":\"$Q\",\"delivery\":\"delivered\"}"
	wait_for heard "$A" "[COMMS RESPONSE from bob (to request: $Q)]"
	send '"kind":"input","body":"by hand","allow_self_session":true'
	same "$(jq -r .kind "$T/body")" input_accepted
	wait_for heard "$A" "by hand"
	req GET "/comms/peers?session_id=$A" >/dev/null
	same "$(status) $(jq -c '.peers | map([.name, .address, .source, .reachability])' "$T/body")" '200 [["bob","inproc://bob","Inproc","reachable"]]'
}

@test "rest-comms: what is wrong, the first thing of it, in the words of the sheet" {
	sim echo
	rest
	pair
	bad '"kind":"smoke"' "unknown kind: smoke"
	bad '"kind":"input"' "input requires 'body'"
	bad '"kind":"input","body":"x","source":"mail"' "invalid source: mail"
	bad '"kind":"peer_message","body":"x","handling_mode":"queue"' "to is required"
	bad '"kind":"peer_message","to":" ","handling_mode":"queue"' "invalid to:  "
	bad '"kind":"peer_message","to":"bob"' required_field
	bad '"kind":"peer_message","to":"bob","handling_mode":"later"' invalid_value
	bad '"kind":"peer_request","to":"bob","handling_mode":"queue"' "peer_request requires 'intent'"
	bad '"kind":"peer_request","to":"bob","intent":"x","stream":"s","handling_mode":"queue"' removed_unsupported_field
	bad '"kind":"peer_response","to":"bob"' "peer_response requires 'in_reply_to'"
	bad '"kind":"peer_response","to":"bob","in_reply_to":"7"' "invalid UUID: 7"
	bad "\"kind\":\"peer_response\",\"to\":\"bob\",\"in_reply_to\":\"$NONE\",\"status\":\"great\"" "invalid status: great"
	bad "\"kind\":\"peer_response\",\"to\":\"bob\",\"in_reply_to\":\"$NONE\",\"status\":\"accepted\",\"handling_mode\":\"queue\"" forbidden_for_accepted_response
	send '"to":"bob"'
	same "$(status)" 422
	send '"kind":"peer_message","to":"bob","params":{},"handling_mode":7'
	same "$(status)" 422
}

@test "rest-comms: what cannot be sent is 500 by name, who takes no part 404, no session 400" {
	sim echo
	rest
	pair
	send '"kind":"peer_message","to":"carol","handling_mode":"queue"'
	m="peer 'carol' is not found or not trusted"
	is 500 "{\"error\":\"peer_not_found_or_not_trusted: $m\",\"code\":\"peer_not_found_or_not_trusted\",\"details\":{\"code\":\"peer_not_found_or_not_trusted\",\"peer\":\"carol\",\"message\":\"$m\"}}"
	send '"kind":"input","body":"x"'
	m="validation failed: self-session input rejected: set allow_self_session=true to override"
	is 500 "{\"error\":\"send_failed: $m\",\"code\":\"send_failed\",\"details\":{\"code\":\"send_failed\",\"message\":\"$m\"}}"
	req DELETE "/sessions/$P" >/dev/null
	PLAIN=$(req POST /sessions '{"prompt":"x"}' | jq -r .session_id)
	for A in "$P" "$PLAIN" "$NONE"; do
		send '"kind":"input","body":"x","allow_self_session":true'
		is 404 "{\"error\":\"Session not found or comms not enabled: $A\",\"code\":\"NOT_FOUND\"}"
		req GET "/comms/peers?session_id=$A" >/dev/null
		is 404 "{\"error\":\"Session not found or comms not enabled: $A\",\"code\":\"NOT_FOUND\"}"
	done
	req GET "/comms/peers?session_id=x" >/dev/null
	same "$(status)" 400
	req GET /comms/peers >/dev/null
	is 400 'Failed to deserialize query string: missing field `session_id`'
}

@test "rest-comms: a resident session, what a turn changes of it, and what needs a name" {
	sim echo
	rest
	req POST /sessions '{"prompt":"stay","comms_name":"r","keep_alive":true,"peer_meta":{"description":"d"}}' >/dev/null
	same "$(jq -c '[.text, .turns]' "$T/body")" '["You said: stay",1]'
	ID=$(jq -r .session_id "$T/body")
	same "$(db 'SELECT name, resident, meta FROM participants')" 'r|1|{"description":"d"}'
	key=$(db 'SELECT key FROM participants')
	req POST "/sessions/$ID/messages" '{"prompt":"x","keep_alive":false,"comms_name":"s"}' >/dev/null
	same "$(status) $(db 'SELECT name, resident, meta FROM participants')" '200 s|0|{"description":"d"}'
	same "$(db 'SELECT key FROM participants')" "$key"
	req POST "/sessions/$ID/messages" '{"prompt":"x","keep_alive":true,"peer_meta":{"labels":{"role":"x"}}}' >/dev/null
	is 400 "{\"error\":\"peer_meta label 'role' is reserved for mob-managed sessions\",\"code\":\"BAD_REQUEST\"}"
	same "$(db 'SELECT resident FROM participants')" 0
	ID=$(req POST /sessions '{"prompt":"x"}' | jq -r .session_id)
	req POST "/sessions/$ID/messages" '{"prompt":"x","keep_alive":true,"comms_name":" "}' >/dev/null
	is 400 '{"error":"keep_alive requires comms_name","code":"BAD_REQUEST"}'
	req POST "/sessions/$ID/messages" '{"prompt":"x","keep_alive":true,"comms_name":"late"}' >/dev/null
	same "$(status) $(db "SELECT name, resident FROM participants WHERE session = '$ID'")" "200 late|1"
	req POST /sessions '{"prompt":"x","comms_name":"a\u0007"}' >/dev/null
	same "$(status)" 400
}
