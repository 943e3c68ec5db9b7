load helper

# rkat-peerd's receiving side and its residents.  The other side is t/peer.py, which
# shares no code with us.

SEED_A=0101010101010101010101010101010101010101010101010101010101010101	# seeds
SEED_B=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
SEED_C=0303030303030303030303030303030303030303030303030303030303030303
A_KEY=ed25519:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=
B_KEY=ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=
V1=550e8400-e29b-41d4-a716-446655440000
V1_FRAME=000000c5a562696450550e8400e29b41d4a7164466554400006466726f6d58208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c62746f582003a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8646b696e64a26474797065676d65737361676564626f64796568656c6c6f6373696758407e859161c3043f221bf840fc93f8e8e08abc92bb23150fd36ed18cc182086946defebfa2fef1150049be8fa231521c480e259686614d2e905835a0e4261f470a
V6_KIND='{"type":"message","body":"see","blocks":[{"type":"text","text":"see"},{"type":"image","media_type":"image/png","source":"inline","data":"AAEC"}],"handling_mode":"queue"}'
HELLO='{"type":"message","body":"hello"}'

local_teardown() { peerd_stop; }

peer() { python3 "$BATS_TEST_DIRNAME/peer.py" "$@"; }
bytes_of() { python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.argv[1]))' "$1"; }

# participant SEED NAME [RESIDENT]: a session that can be spoken to; its id.
participant() {
	local id dir
	id=$(rkat-session create ${TOOLS+--tools "$TOOLS"}) || return 1
	dir=$(realm_dir)/.rkat/session_comms_identity/$id
	mkdir -p "$dir" && chmod 700 "$dir"
	bytes_of "$1" >"$dir/identity.key"
	chmod 600 "$dir/identity.key"
	db "INSERT INTO participants(session, name, key, resident)
	    VALUES('$id', '$2', '$(peer key "$1")', ${3:-0})"
	echo "$id"
}
# trust NAME KEY: a peer outside.
trust() { rkat-comms trust add "$1" "$2" tcp://127.0.0.1:1 >/dev/null; }

# peerd ARGS...: in the background; AT is where it listens.
peerd() {
	rkat-peerd --listen-unix "$T/peerd" "$@" 2>>"$T/peerd.err" 3>&- &
	PEERD=$!
	wait_for listens "$T/peerd" || { cat "$T/peerd.err" >&2; return 1; }
	AT=uds:$T/peerd
}
peerd_stop() {
	[ -z "${PEERD-}" ] || { kill "$PEERD" && kill -CONT "$PEERD" && wait "$PEERD"; } 2>/dev/null || :
	PEERD=
}
say() { peer say "$AT" "$@"; }
arrived() { db 'SELECT count(*) FROM arrivals'; }
logged() { grep -c "$1" "$T/peerd.err"; }

# Session S called "writer" with key B, and the peer "reviewer" with key A.
setup_pair() {
	S=$(participant "$SEED_B" writer "${1:-0}") && trust reviewer "$A_KEY"
}

@test "peerd: a frame of the sheet is admitted and acknowledged by the one it was for" {
	setup_pair
	peerd
	same "$(peer raw "$AT" "$V1_FRAME" | cut -c 1-10)" 000000d3a5
	same "$(peer raw "$AT" "$V1_FRAME$V1_FRAME" | wc -c)" 431	# one ACK: what follows is nothing
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" ACK
	same "$(arrived)" 2
	same "$(db "SELECT session, kind, source, mode, wake, json_extract(body,
	    '\$.envelope_id'), json_extract(body, '\$.kind.body') FROM inputs LIMIT 1")" \
	    "$S|peer|reviewer|queue|1|$V1|hello"
	same "$(db "SELECT sender, sender_key, channel FROM arrivals LIMIT 1")" "reviewer|$A_KEY|uds"
	same "$(rkat-comms trace "$V1" --json | jq -r '.hops[0].what')" arrived
}

@test "peerd: what is not right in an envelope is dropped without a word" {
	setup_pair
	peerd
	for word in flip=sig flip=id flip=from flip=to flip=kind textid trailing duplicate short tagged; do
		same "$word: $(say "$SEED_A" "$B_KEY" "$HELLO" "$word")" "$word: closed"
	done
	same "$(say "$SEED_C" "$B_KEY" "$HELLO")" closed
	same "$(say "$SEED_A" "$A_KEY" "$HELLO")" closed
	same "$(say "$SEED_A" "$B_KEY" '{"type":"incarnation_fenced_message","body":"x","expected_recipient":{}}')" closed
	same "$(say "$SEED_A" "$B_KEY" '{"type":"lifecycle","kind":"mob.dismiss","params":{"peer":"x"}}')" closed
	same "$(say "$SEED_A" "$B_KEY" '{"type":"shout","body":"x"}')" closed
	same "$(say "$SEED_A" "$B_KEY" "{\"type\":\"ack\",\"in_reply_to\":\"$V1\"}")" closed
	same "$(arrived)" 0
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" ACK
	has "$(cat "$T/peerd.err")" "untrusted"
	has "$(cat "$T/peerd.err")" "misaddressed"
	has "$(cat "$T/peerd.err")" "signature"
}

@test "peerd: a length over 1 MiB, an empty frame and rests of frames end the connection" {
	setup_pair
	peerd
	for length in 00100001 00000000 ffffffff; do
		run peer raw "$AT" "$length" hold
		has "$output" "closed after "
		[ "${output##* }" -lt 10 ]	# nobody waited for the rest
	done
	same "$(peer raw "$AT" 7b22 )" closed
	same "$(peer raw "$AT" "${V1_FRAME:0:100}")" closed
	same "$(peer raw "$AT" 00000005a1616101)" closed
	same "$(arrived)" 0
}

@test "peerd: order of keys, indefinite maps and signed members that we do not know do not matter" {
	setup_pair
	peerd
	same "$(say "$SEED_A" "$B_KEY" "$HELLO" reversed)" ACK
	same "$(say "$SEED_A" "$B_KEY" "$V6_KIND" indefinite)" ACK
	same "$(say "$SEED_A" "$B_KEY" '{"type":"message","body":"hi","colour":"blue"}')" ACK
	same "$(say "$SEED_A" "$B_KEY" '{"type":"message","body":"hi","content_taint":"tainted","objective_id":"00000000-0000-4000-8000-0000000000aa"}')" ACK
	same "$(say "$SEED_A" "$B_KEY" '{"type":"request","intent":"review","params":{"b":[1,{"a":"x","zz":1}],"big":4294967296,"neg":-7,"none":null,"ok":true,"ratio":0.5,"tenth":0.1},"handling_mode":"steer"}')" ACK
	same "$(db "SELECT count(*) FROM inputs")" 5
	same "$(db "SELECT mode, json_extract(body, '\$.kind.params.tenth') FROM inputs ORDER BY seq DESC LIMIT 1")" "steer|0.1"
}

@test "peerd: an envelope that comes again is acknowledged again and does nothing, after a restart, too" {
	setup_pair
	peerd
	same "$(say "$SEED_A" "$B_KEY" "$HELLO" "id=$V1" twice)" ACK$'\n'ACK
	kill -9 "$PEERD"
	wait "$PEERD" || :
	peerd
	same "$(say "$SEED_A" "$B_KEY" "$HELLO" "id=$V1")" ACK
	same "$(arrived) $(db 'SELECT count(*) FROM inputs')" "1 1"
}

@test "peerd: a response is admitted without an ACK, a notice of a later version as the request it is" {
	setup_pair
	peerd
	same "$(say "$SEED_A" "$B_KEY" "{\"type\":\"response\",\"in_reply_to\":\"$V1\",\"status\":\"completed\",\"result\":{}}")" closed
	same "$(say "$SEED_A" "$B_KEY" '{"type":"lifecycle","kind":"mob.peer_added","params":{"peer":"w2"}}')" ACK
	same "$(db "SELECT json_extract(body, '\$.kind.type'), json_extract(body, '\$.kind.intent') FROM inputs ORDER BY seq")" \
	    $'response|\nrequest|mob.peer_added'
}

@test "peerd: a supervisor that nobody bound is told so, and the session hears nothing of it" {
	setup_pair
	peerd
	same "$(say "$SEED_A" "$B_KEY" '{"type":"request","intent":"supervisor.bridge","params":{"command":"bind_member"}}' "id=$V1" twice)" ACK$'\n'ACK
	same "$(db 'SELECT count(*) FROM inputs')" 0
	same "$(db "SELECT session, peer_key, json_extract(json, '\$.in_reply_to'), json_extract(json, '\$.status'),
	    json_extract(json, '\$.result.cause') FROM letters")" "$S|$A_KEY|$V1|failed|unsupported"
}

@test "peerd: sessions of the realm may speak over the socket, and the realm has an inbox" {
	setup_pair
	participant "$SEED_C" third >/dev/null
	realm_key=$(rkat-comms identity show --json | jq -r .public_key)
	peerd
	same "$(say "$SEED_C" "$B_KEY" "$HELLO")" ACK
	same "$(db 'SELECT source FROM inputs')" third
	same "$(say "$SEED_A" "$realm_key" '{"type":"message","body":"to all"}')" ACK
	same "$(rkat-comms inbox --json | jq -r .from)" reviewer
}

@test "peerd: trust is read again when it changes; a broken file leaves what was there" {
	S=$(participant "$SEED_B" writer)
	peerd
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" closed
	trust reviewer "$A_KEY"
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" ACK
	echo '{"peers":' >"$(realm_dir)/.rkat/trusted_peers.json"
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" ACK
	has "$(cat "$T/peerd.err")" "Trust load error"
	echo '{"peers":[]}' >"$(realm_dir)/.rkat/trusted_peers.json"
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" closed
}

@test "peerd: a flood of refused envelopes is a line in the log, not a thousand" {
	setup_pair
	peerd
	same "$(peer flood "$AT" "$SEED_C" "$B_KEY" "$HELLO" 40)" "0 ACKs"
	same "$(logged untrusted)" 1
	peerd_stop
	has "$(cat "$T/peerd.err")" "refused 39 more from unix: untrusted"
}

# at_once N [COMMAND...]: N envelopes that all wait when peerd looks; then the COMMAND.
at_once() {
	local n=$1 flood
	shift
	kill -STOP "$PEERD"
	peer flood "$AT" "$SEED_A" "$B_KEY" "$HELLO" "$n" >"$T/acks" 3>&- &
	flood=$!
	wait_for eval "[ \"\$(grep -c '$T/peerd' /proc/net/unix)\" -gt $n ]"
	"$@"
	kill -CONT "$PEERD"
	wait "$flood"
}

@test "peerd: one peer cannot send faster than it may" {
	setup_pair
	printf 'peer_rate = 1\npeer_burst = 3\n' >limits
	peerd --limits limits
	at_once 6
	same "$(cat "$T/acks")" "3 ACKs"
	same "$(logged 'reviewer: rate_limited')" 1
	same "$(db "SELECT count(*) FROM hops WHERE what = 'refused' AND detail = 'rate_limited'")" 1
	printf 'peer_burst = 1000\npeer_rate = 1000\n' >limits
	kill -HUP "$PEERD"
	wait_for eval '[ "$(say "$SEED_A" "$B_KEY" "$HELLO")" = ACK ]'
}

@test "peerd: a queue that is full takes nothing more, and the refusal has a name" {
	setup_pair
	db "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 256)
	    INSERT INTO inputs(id, session, kind, source, mode, body, state, created_ms, updated_ms)
	    SELECT 'x' || i, '$S', 'peer', 'reviewer', 'queue', '{}', 'queued', 1, 1 FROM n"
	peerd
	same "$(say "$SEED_A" "$B_KEY" "$HELLO" "id=$V1")" closed
	has "$(cat "$T/peerd.err")" "reviewer: inbox_full"
	same "$(rkat-comms trace "$V1" --json | jq -r '.hops[].what')" refused
	db "UPDATE inputs SET state = 'consumed'"
	same "$(say "$SEED_A" "$B_KEY" "$HELLO" "id=$V1")" ACK
}

@test "peerd: what waits is counted, and who has work is found, by the index alone" {
	setup_pair
	has "$(db "EXPLAIN QUERY PLAN SELECT count(*), total(source = 'x')
	    FROM inputs WHERE session = '$S' AND state = 'queued' AND kind = 'peer'")" \
	    "USING COVERING INDEX inputs_queued"
	has "$(db "EXPLAIN QUERY PLAN SELECT session, min(seq) FROM inputs
	    WHERE state = 'queued' AND wake = 1 GROUP BY session")" \
	    "USING COVERING INDEX inputs_queued"
}

@test "peerd: the realm's inbox has an end, which is the limits file's" {
	setup_pair
	printf 'realm_inbox = 2\n' >limits
	peerd --limits limits
	realm=$(rkat-comms identity --json | jq -r .public_key)
	same "$(say "$SEED_A" "$realm" "$HELLO" "id=$V1")" ACK
	same "$(say "$SEED_A" "$realm" "$HELLO")" ACK
	same "$(say "$SEED_A" "$realm" "$HELLO")" closed
	has "$(cat "$T/peerd.err")" "inbox_full: 2 messages are in the realm's inbox already"
	same "$(say "$SEED_A" "$realm" "$HELLO" "id=$V1")" ACK	# it is in
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" ACK	# a session's is another one
	same "$(arrived)" 3
}

@test "peerd: what is finished goes after its time; its envelope is still known" {
	setup_pair
	peerd
	same "$(say "$SEED_A" "$B_KEY" "$HELLO" "id=$V1")" ACK
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" ACK
	peerd_stop
	db "UPDATE arrivals SET created_ms = created_ms - 3 * 86400000; UPDATE hops SET at_ms = at_ms - 3 * 86400000"
	db "UPDATE inputs SET state = 'consumed' WHERE json_extract(body, '\$.envelope_id') = '$V1'"
	rkat-peerd --once
	same "$(arrived)" 2	# 30 days are not over
	printf 'retain_days = 0\n' >limits
	rkat-peerd --once --limits limits
	same "$(arrived)" 2
	printf 'retain_days = 2\n' >limits
	rkat-peerd --once --limits limits
	same "$(arrived)" 1	# the other one waits for a turn
	same "$(db "SELECT count(*) FROM hops")" 1
	peerd
	same "$(say "$SEED_A" "$B_KEY" "$HELLO" "id=$V1")" ACK
	same "$(arrived) $(db "SELECT count(*) FROM inputs")" "1 2"
}

@test "peerd: who is slow or comes too often is cut off" {
	setup_pair
	printf 'frame_seconds = 1\nconnections = 20\nconnections_per_address = 10\n' >limits
	peerd --limits limits
	run peer raw "$AT" "${V1_FRAME:0:60}" hold
	has "$output" "closed after "
	[ "${output##* }" -ge 1 ]
	same "$(peer many "$AT" 30 | grep -o '[0-9]* closed')" "30 closed"
	same "$(logged 'busy')" 1
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" ACK
}

@test "peerd: many envelopes at once are admitted with few commits, in their order" {
	setup_pair
	peerd
	same "$(peer flood "$AT" "$SEED_A" "$B_KEY" "$HELLO" 60)" "60 ACKs"
	same "$(db "SELECT group_concat(json_extract(body, '\$.kind.body'), ' ') FROM (SELECT body FROM inputs ORDER BY seq)")" \
	    "$(printf 'hello%d ' {0..59} | sed 's/ $//')"
}

@test "peerd: envelopes that wait together share a commit, and a look at who is trusted" {
	setup_pair
	peerd
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" ACK
	trace() {
		strace -qq -e trace=fsync,fdatasync,%stat,socket -o "$T/calls" -p "$PEERD" 3>&- &
		tracer=$!
		wait_for eval '! grep -q "TracerPid:.0$" "/proc/$PEERD/status"'
	}
	at_once 40 trace
	kill "$tracer"
	wait "$tracer" || :
	same "$(cat "$T/acks")" "40 ACKs"
	n=$(grep -c 'sync(' "$T/calls")
	[ "$n" -ge 1 ]
	[ "$n" -le 4 ] || { cat "$T/calls" >&2; return 1; }
	[ "$(grep -c trusted_peers "$T/calls")" -le 12 ] || { cat "$T/calls" >&2; return 1; }
	same "$(grep -c '^socket' "$T/calls")" 0	# for a bell that nobody has
}

@test "peerd: a resident gets a turn as soon as something comes for it" {
	sim echo
	setup_pair 1
	peerd
	same "$(say "$SEED_A" "$B_KEY" "$HELLO" "id=$V1")" ACK
	wait_for eval "rkat-session events $S | grep -F '\"interaction_complete\",\"interaction_id\":\"$V1\"'"
	same "$(db 'SELECT state FROM inputs')" consumed
	has "$(rkat-session show "$S")" "[COMMS MESSAGE from reviewer]"
}

@test "peerd: residents work off what came while nobody was there; others are left alone" {
	sim echo
	setup_pair 1
	other=$(participant "$SEED_C" quiet 0)
	rkat-comms event --text "$S" one >/dev/null
	rkat-comms event --text "$other" two >/dev/null
	rkat-peerd --once
	same "$(db "SELECT session, state FROM inputs ORDER BY seq")" "$S|consumed"$'\n'"$other|queued"
}

@test "peerd: with --session only these are residents, and it ends with the last of them" {
	sim echo
	setup_pair 1
	other=$(participant "$SEED_C" second 1)
	peerd --session "$S"
	rkat-comms event --text "$other" two >/dev/null
	rkat-comms event --text "$S" one >/dev/null
	wait_for eval "[ \"\$(db \"SELECT state FROM inputs WHERE session = '$S'\")\" = consumed ]"
	same "$(db "SELECT state FROM inputs WHERE session = '$other'")" queued
	rkat-session delete "$S" >/dev/null
	wait "$PEERD"
	PEERD=
	db "UPDATE participants SET resident = 0"
	run rkat-peerd --session "$other"
	[ "$status" -eq 2 ]
	has "$output" "--session $other: not a resident session"
}

@test "peerd: only one in a realm; it ends on a signal and takes its sockets away" {
	setup_pair
	peerd --listen-tcp 127.0.0.1:0
	run rkat-peerd
	[ "$status" -eq 1 ]
	has "$output" "another rkat-peerd runs for realm test"
	kill "$PEERD"
	status=0
	wait "$PEERD" || status=$?
	PEERD=
	[ "$status" -eq 0 ]
	[ ! -e "$T/peerd" ]
	[ ! -e "$(realm_dir)/run/peerd.sock" ]
}

@test "peerd: turns under way come to their end when it is told to stop" {
	sim_script '{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"id":"a","name":"shell","args":{"command":"touch began; while [ ! -e go ]; do sleep 0.02; done"}}]}}' \
	    '{"reply":{"text":"done"}}'
	TOOLS=full
	setup_pair 1
	db "UPDATE participants SET listen = 'tcp://127.0.0.1:0'"
	rkat-comms event --text "$S" "a long story" >/dev/null
	peerd
	wait_for test -e began
	kill "$PEERD"
	kill -HUP "$PEERD"	# nothing to be read again any more
	wait_for eval '! listens "$T/peerd"'
	touch go
	wait "$PEERD"
	PEERD=
	same "$(db 'SELECT state FROM inputs')" consumed
}

@test "peerd: no worker is left when it is killed" {
	sim_script '{"reply":{"text":"late","delay_ms":60000}}'
	setup_pair 1
	rkat-comms event --text "$S" "a long story" >/dev/null
	peerd
	wait_for eval "[ \"\$(db \"SELECT state FROM runs\")\" = running ]"
	worker=$(pgrep -f "rkat-turn --worker.*$RKAT_STATE_ROOT")
	[ -n "$worker" ]
	kill -9 "$PEERD"
	wait_for eval '! pgrep -f "rkat-turn --worker.*$RKAT_STATE_ROOT"'
}

# For so many seconds it waits, and is not even woken.
sleeps() {
	timeout "$1" strace -f -qq -o "$T/strace" -p "$PEERD" || :
	[ "$(grep -vc 'epoll_wait' "$T/strace")" = 0 ] && [ "$(wc -l <"$T/strace")" -le 2 ]
}
@test "peerd: idle it sleeps and stays small, with a thousand residents" {
	setup_pair 1
	python3 - "$(realm_dir)/realm.sqlite3" "$S" <<-'END'
	import sqlite3, sys, uuid
	d = sqlite3.connect(sys.argv[1])
	row = d.execute("SELECT * FROM sessions WHERE id = ?", sys.argv[2:]).fetchone()
	names = [c[1] for c in d.execute("PRAGMA table_info(sessions)")]
	for i in range(999):
	    new = dict(zip(names, row), id=str(uuid.uuid4()))
	    d.execute(f"INSERT INTO sessions({','.join(names)}) VALUES({','.join('?' * len(names))})", list(new.values()))
	    d.execute("INSERT INTO participants(session, name, key, resident) VALUES(?, 'n', ?, 1)", (new["id"], f"k{i}"))
	d.commit()
	END
	peerd --listen-tcp 127.0.0.1:0
	same "$(peer raw "$AT" 7b22)" closed	# it has begun
	wait_for sleeps 0.3	# what there was to do at its start
	sleeps 1.5 || { cat "$T/strace" >&2; return 1; }
	[ -n "${RKAT_SAN-}" ] || [ "$(awk '/RssAnon/ { print $2 }' "/proc/$PEERD/status")" -lt 4096 ]
}

# ---- plain events ----

event_lines() { python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.stdin.buffer.read())' "$T/events"; }
bodies() { db "SELECT json_extract(body, '\$.body') FROM inputs ORDER BY seq"; }
admitted() { [ "$(db "SELECT count(*) FROM inputs WHERE kind = 'external_event'")" -eq "$1" ]; }

@test "events: a line says what the sheet's table says" {
	sim echo
	setup_pair 1
	peerd --event-unix "$T/events" --session "$S"
	printf '%s\n' '{"body":"hi","x":1}' '{"body":42}' '[1,2]' '"str"' '{"broken"' '  text ' '' '   ' '{"body":""}' \
	    $'crlf\r' | event_lines
	printf 'no end' | event_lines
	wait_for admitted 8
	same "$(bodies)" "$(printf '%s\n' hi $'{\n  "body": 42\n}' $'[\n  1,\n  2\n]' '"str"' '{"broken"' text crlf 'no end')"
	same "$(db "SELECT DISTINCT kind, source, mode, wake FROM inputs")" "external_event|uds|queue|1"
}

@test "events: a line that is too long or no UTF-8 is skipped, the next one counts" {
	sim echo
	setup_pair 1
	peerd --event-unix "$T/events" --session "$S"
	{
		head -c 1048577 /dev/zero | tr '\0' x
		printf '\nfirst\n\xff\xfe\nsecond\n'
		head -c 1048576 /dev/zero | tr '\0' y
		printf '\n'
	} | event_lines
	wait_for admitted 3
	same "$(bodies | cut -c 1-6)" $'first\nsecond\nyyyyyy'
	same "$(logged 'plain events: malformed')" 1
}

@test "events: the only resident is spoken to; with none or several it has to be said" {
	sim echo
	S=$(participant "$SEED_B" writer)
	run rkat-peerd --event-unix "$T/events"
	[ "$status" -eq 2 ]
	has "$output" "0 are resident here: name one with --session"
	db "UPDATE participants SET resident = 1"
	peerd --event-unix "$T/events"
	echo wake up | event_lines
	wait_for eval "rkat-session show $S | grep -F '[EVENT via uds] wake up'"
	peerd_stop
	participant "$SEED_C" other 1 >/dev/null
	run rkat-peerd --event-unix "$T/events"
	has "$output" "2 are resident here"
}

@test "events: only this machine may speak without a signature" {
	setup_pair 1
	run rkat-peerd --session "$S" --event-tcp 0.0.0.0:0
	[ "$status" -eq 2 ]
	has "$output" "Unsafe binding: Plain event listener on non-loopback address is a prompt injection vector"
	rkat-config patch '{"comms":{"mode":"tcp","address":"127.0.0.1:0","event_address":"0.0.0.0:0"}}' >/dev/null
	run rkat-peerd --session "$S"
	has "$output" "comms.event_address 0.0.0.0:0: Unsafe binding"
}

@test "peerd: listens where the configuration and its sessions say" {
	setup_pair
	db "UPDATE participants SET listen = 'tcp://127.0.0.1:0'"
	rkat-config patch '{"comms":{"mode":"uds","address":"comms.sock"}}' >/dev/null
	rkat-peerd 2>"$T/peerd.err" 3>&- &
	PEERD=$!
	wait_for test -e "$(realm_dir)/run/peerd.json"
	AT=uds:$(realm_dir)/comms.sock
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" ACK
	AT=tcp:$(sed -n 's,.*listening on tcp://,,p' "$T/peerd.err")
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" ACK
	same "$(db "SELECT group_concat(channel) FROM arrivals")" uds,tcp
	rkat-config patch '{"comms":{"address":null}}' >/dev/null
	peerd_stop
	run rkat-peerd
	has "$output" "comms.address is required when comms.mode = uds"
}

@test "peerd: tells others of this machine where it is" {
	setup_pair
	peerd --listen-tcp 127.0.0.1:0 --advertise-tcp example.net:4200
	wait_for test -e "$(realm_dir)/run/peerd.json"
	same "$(jq -c '[.pid, (.listen | length), .advertise]' "$(realm_dir)/run/peerd.json")" "[$PEERD,2,\"tcp://example.net:4200\"]"
	has "$(cat "$T/peerd.err")" "$(jq -r '.listen[] | select(startswith("tcp"))' "$(realm_dir)/run/peerd.json")"
	peerd_stop
	[ ! -e "$(realm_dir)/run/peerd.json" ]
	run rkat-peerd --advertise-tcp nowhere
	[ "$status" -eq 2 ]
	has "$output" "--advertise-tcp: "
}

@test "peerd: takes the sockets that a service manager opened, and tells it of its life" {
	setup_pair 1
	sim echo
	cat >manager.py <<-'END'
	import os, socket, sqlite3, subprocess, sys, time
	comms, event, note = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	comms.bind("comms"); event.bind("event"); note.bind("note")
	comms.listen(); event.listen(); note.settimeout(10)
	def give():
	    os.dup2(comms.fileno(), 103); os.dup2(event.fileno(), 104)
	    os.dup2(103, 3); os.dup2(104, 4)
	    os.environ["LISTEN_PID"] = str(os.getpid())
	env = dict(os.environ, LISTEN_FDS="2", LISTEN_FDNAMES="comms:event", NOTIFY_SOCKET=os.path.abspath("note"))
	pid = os.fork()
	if pid == 0:
	    give()
	    os.execvpe("rkat-peerd", ["rkat-peerd"], dict(env, LISTEN_PID=str(os.getpid())))
	print(note.recv(99).decode(), flush=True)
	print(subprocess.run(sys.argv[2:], capture_output=True, text=True).stdout, end="", flush=True)
	c = socket.socket(socket.AF_UNIX); c.connect("event"); c.sendall(b"knock\n"); c.close()
	db, end = sqlite3.connect(sys.argv[1], timeout=10), time.monotonic() + 20
	while not db.execute("SELECT count(*) FROM inputs WHERE kind = 'external_event'").fetchone()[0]:
	    assert time.monotonic() < end, "the event was not taken"
	    time.sleep(0.02)
	os.kill(pid, 1)
	print(note.recv(99).decode().split()[0], note.recv(99).decode())
	os.kill(pid, 15)
	print(note.recv(99).decode(), os.waitpid(pid, 0)[1])
	END
	run python3 manager.py "$(realm_dir)/realm.sqlite3" python3 "$BATS_TEST_DIRNAME/peer.py" say uds:comms "$SEED_A" "$B_KEY" "$HELLO"
	has "$output" READY=1$'\n'ACK$'\n''RELOADING=1 READY=1'$'\n''STOPPING=1 0'
	same "$(db "SELECT group_concat(kind, ' ') FROM inputs")" "peer external_event"
}

@test "the examples of rkat-peerd(8) run as they stand" {
	unset RKAT_REALM
	ports=$(python3 - <<-'END'
	import random, socket
	while True:
	    n = random.randrange(1100, 3200)
	    try:
	        with socket.create_server(("127.0.0.1", n * 10)), socket.create_server(("127.0.0.1", n * 10 + 1)):
	            break
	    except OSError:
	        pass
	print(n)
	END
	)
	sed -n '/^\.Sh EXAMPLES/,/^\.Ed/p' "$BATS_TEST_DIRNAME/../man/rkat-peerd.8" |
	    sed "1,/^\.Bd/d; /^\.Ed/d; s/127.0.0.1:420/127.0.0.1:$ports/" >s
	echo 'kill %1 %2; wait' >>s
	timeout 60 bash -e -m s >out 2>err || { cat s out err >&2; return 1; }
	has "$(cat out)" "Hello."
}

@test "peerd: a session's listener opens, moves and closes with the session, while peerd runs" {
	setup_pair
	peerd
	listens() { same "$(jq -c '[.listen[] | sub(".*/"; "")]' "$(realm_dir)/run/peerd.json")" "$1" 2>/dev/null; }
	listens '["peerd"]'
	db "UPDATE participants SET listen = 'uds://$T/own'"
	rkat-comms send writer hello >/dev/null	# whatever rings
	wait_for listens '["own","peerd"]'
	AT=uds:$T/own
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" ACK
	db "UPDATE participants SET listen = 'uds://$T/moved'"
	rkat-comms send writer hello >/dev/null
	wait_for listens '["moved","peerd"]'
	[ ! -e "$T/own" ]
	AT=uds:$T/moved
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" ACK
	rkat-session delete "$S" >/dev/null
	wait_for listens '["peerd"]'
	[ ! -e "$T/moved" ]
	has "$(cat "$T/peerd.err")" "not listening on uds://$T/moved any more"
}

@test "peerd: a session's listener that cannot be opened is told once, not with each bell" {
	setup_pair
	db "UPDATE participants SET listen = 'uds://$T/none/such/socket'"
	: >"$T/none"	# no folder
	peerd
	for n in 1 2 3 4 5; do rkat-comms send writer "$n" >/dev/null; done
	same "$(say "$SEED_A" "$B_KEY" "$HELLO")" ACK
	same "$(logged "$S: listener")" 1
}
