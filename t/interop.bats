load helper

# Our letters to a peer that was written apart from us: t/peer.py, as strict as 0.5.

SEED=0101010101010101010101010101010101010101010101010101010101010101
local_setup() {
	peer() { python3 "$BATS_TEST_DIRNAME/peer.py" "$@"; }
	rkat-session create --comms-name writer >"$T/id"
	KEY=$(rkat-comms identity -s writer --json | jq -r .public_key)
}
local_teardown() {
	[ -z "${PEERD-}" ] || { kill "$PEERD" && wait "$PEERD"; } 2>/dev/null || :
	[ -z "${HEAR-}" ] || { kill "$HEAR" && wait "$HEAR"; } 2>/dev/null || :
}

# hear N: the peer "reviewer" is there for N letters.
hear() {
	peer hear "$SEED" "$T/ready" "$1" >"$T/heard" 2>"$T/hear.err" 3>&- &
	HEAR=$!
	wait_for test -s "$T/ready"
	rkat-comms trust add reviewer "$(peer key "$SEED")" "tcp://127.0.0.1:$(cat "$T/ready")" >/dev/null
	rkat-peerd 2>"$T/peerd.err" 3>&- &
	PEERD=$!
}
say() { rkat-comms send -s writer --json --wait delivered --timeout 60s "$@" >"$T/said"; }
# heard N KIND: the N-th was this, under the id that send told.
heard() {
	same "$(sed -n "$1p" "$T/heard")" "$(jq -r .envelope_id "$T/said") $KEY $2"
}

@test "interop: each kind is verified and acknowledged by a peer of other code" {
	hear 5
	say reviewer "hello, wörld"
	heard 1 '{"body":"hello, w\u00f6rld","type":"message"}'
	say --steer reviewer "now"
	heard 2 '{"body":"now","handling_mode":"steer","type":"message"}'
	say --kind peer_request --intent review --params \
	    '{"zz":1,"b":[1,1.0,-7,0.5,0.1,100000.0,1e300,9007199254740993,-9223372036854775808,18446744073709551615],"a":{"x":null,"long":true}}' reviewer
	heard 3 '{"intent":"review","params":{"a":{"long":true,"x":null},"b":[1,1.0,-7,0.5,0.1,100000.0,1e+300,9007199254740993,-9223372036854775808,18446744073709551615],"zz":1},"type":"request"}'
	say --kind peer_response --in-reply-to 00000000-0000-4000-8000-000000000007 --status failed --result '["no"]' reviewer
	heard 4 '{"in_reply_to":"00000000-0000-4000-8000-000000000007","result":["no"],"status":"failed","type":"response"}'
	say --blocks '[{"type":"text","text":"see"},{"type":"image","media_type":"image/png","source":"inline","data":"AAEC"}]' reviewer see
	heard 5 '{"blocks":[{"text":"see","type":"text"},{"data":"AAEC","media_type":"image/png","source":"inline","type":"image"}],"body":"see","type":"message"}'
	same "$(db "SELECT group_concat(state) FROM letters")" "delivered,delivered,delivered,delivered,delivered"
}

@test "interop: a lifecycle notice is the request that 0.5 knows" {
	hear 1
	say --kind peer_lifecycle --intent mob.peer_added --params '{"peer":"c","role":"tester"}' reviewer
	heard 1 '{"intent":"mob.peer_added","params":{"peer":"c","role":"tester"},"type":"request"}'
}

@test "interop: what the model may write in a name or a body arrives as it is" {
	hear 2
	say reviewer $'\x01 \xe2\x80\xa8 "quoted" \\ back\nline \xf0\x9f\x98\x80'
	heard 1 '{"body":"\u0001 \u2028 \"quoted\" \\ back\nline \ud83d\ude00","type":"message"}'
	say --kind peer_request --intent review --params '{"":{"":[]},"é":"\u0000"}' reviewer
	heard 2 '{"intent":"review","params":{"":{"":[]},"\u00e9":"\u0000"},"type":"request"}'
}
