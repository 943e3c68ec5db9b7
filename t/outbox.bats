load helper

# rkat-peerd's sending side.  Two realms of one state root, "test" and "other", that know
# each other as "far" and "near"; or t/other_end.py instead of the other one.

local_teardown() {
	local p
	for p in ${PIDS-}; do
		{ kill "$p" && kill -CONT "$p" && wait "$p"; } 2>/dev/null || :
	done
}

other() { RKAT_REALM=other "$@"; }
odb() { sqlite3 -cmd '.timeout 10000' "$RKAT_STATE_ROOT/other/realm.sqlite3" "$1"; }
key() { rkat-comms identity --json | jq -r .public_key; }
background() { "$@" 2>>"$T/log" 3>&- & PID=$!; PIDS="${PIDS-} $PID"; }
# The sender's, the receiver's (AT: its port).
peerd() { background rkat-peerd --listen-unix "$T/near.sock"; NEAR=$PID; wait_for listens "$T/near.sock"; }
far() {
	: >"$T/far.log"
	RKAT_REALM=other rkat-peerd --listen-tcp "127.0.0.1:${AT-0}" 2>"$T/far.log" 3>&- &
	FAR=$!
	PIDS="${PIDS-} $FAR"
	wait_for grep -q listening "$T/far.log"
	AT=$(sed -n 's/.*127.0.0.1://p' "$T/far.log")
}
stop() { { kill "${2:--TERM}" "$1" && wait "$1"; } 2>/dev/null || :; }
# trust_pair ADDRESS: both ways.
trust_pair() {
	rkat-comms trust add far "$(other key)" "$1" >/dev/null
	other rkat-comms trust add near "$(key)" tcp://127.0.0.1:1 >/dev/null
}
# other_end MODE [TARGET]: PORT.
other_end() {
	rm -f "$T/ready"
	background python3 "$BATS_TEST_DIRNAME/other_end.py" "$1" "$T/ready" "$T/record" ${2-}
	END=$PID
	wait_for test -s "$T/ready"
	PORT=$(cat "$T/ready")
}
send() { rkat-comms send "$@" 2>/dev/null | jq -r .envelope_id; }
state() { db "SELECT state FROM letters WHERE id = '$1'"; }
error() { db "SELECT ifnull(error, '') FROM letters WHERE id = '$1'"; }
is_state() { [ "$(state "$1")" = "$2" ]; }
tried() { [ "$(db "SELECT attempts FROM letters WHERE id = '$1'")" -ge "${2:-1}" ]; }
silent() { [ "$(db "SELECT silent FROM letters WHERE id = '$L'")" -ge "$1" ]; }
bodies() { odb "SELECT group_concat(b, ' ') FROM (SELECT json_extract(json, '\$.body') AS b FROM arrivals ORDER BY seq)"; }

# at_once COMMAND...: what it does makes the letter L be tried within 1.5 s.
at_once() {
	local before began took
	before=$(db "SELECT attempts FROM letters WHERE id = '$L'")
	"$@" >/dev/null 2>&1
	began=$(date +%s%N)
	wait_for tried "$L" $((before + 1))
	took=$((($(date +%s%N) - began) / 1000000))
	[ "$took" -lt "$(within 1500)" ] || { echo "took $took ms" >&2; return 1; }
}
arrived() { [ "$(odb 'SELECT count(*) FROM arrivals')" -eq "$1" ]; }

@test "outbox: a peer that is down gets its letters later, in their order" {
	far
	stop "$FAR"
	trust_pair "tcp://127.0.0.1:$AT"
	peerd
	for n in 1 2 3 4 5; do L=$(send far "$n"); done
	wait_for tried "$(db "SELECT id FROM letters ORDER BY seq LIMIT 1")"
	same "$(db "SELECT count(*) FROM letters WHERE attempts > 0")" 1
	same "$(state "$L")" accepted
	has "$(db "SELECT error FROM letters WHERE attempts > 0")" 'transport_error (connect: Connection refused)'
	far
	wait_for is_state "$L" delivered
	same "$(bodies)" "1 2 3 4 5"
	same "$(db "SELECT count(*) FROM letters WHERE error IS NOT NULL")" 0
	run rkat-comms trace "$(db "SELECT id FROM letters ORDER BY seq LIMIT 1")"
	has "$output" "attempt failed"
	has "$output" delivered
}

@test "outbox: over a Unix socket, by --once, without a peerd that stays" {
	RKAT_REALM=other rkat-peerd --listen-unix "$T/far.sock" 2>/dev/null 3>&- &
	PIDS=$!
	wait_for listens "$T/far.sock"
	trust_pair "uds://$T/far.sock"
	L=$(send far hello)
	rkat-peerd --once
	same "$(state "$L")" delivered
	same "$(bodies)" hello
}

@test "outbox: --once tries what cannot be delivered once, and ends" {
	trust_pair tcp://127.0.0.1:1
	L=$(send far hello)
	rkat-peerd --once
	same "$(state "$L")" accepted
	tried "$L"
}

@test "outbox: a host by its name" {
	far
	trust_pair "tcp://localhost:$AT"
	L=$(send far hello)
	rkat-peerd --once
	same "$(state "$L")" delivered
}

@test "outbox: a sender whom the peer does not hear holds up nobody else" {
	far
	deaf=$(rkat-session create --comms-name unheard)
	trust_pair "tcp://127.0.0.1:$AT"
	peerd
	L1=$(send -s "$deaf" far never)
	wait_for tried "$L1"
	L2=$(send far yes)
	wait_for is_state "$L2" delivered
	same "$(state "$L1")" accepted
	same "$(bodies)" yes
	other rkat-comms trust add unheard "$(rkat-comms identity -s "$deaf" --json | jq -r .public_key)" tcp://127.0.0.1:1 >/dev/null
	wait_for is_state "$L1" delivered
	same "$(bodies)" "yes never"
}

@test "outbox: what nobody fetched in time is a dead letter that can be sent again" {
	far
	stop "$FAR"
	trust_pair "tcp://127.0.0.1:$AT"
	peerd
	L=$(send --expires 1s far late)
	wait_for is_state "$L" expired
	same "$(rkat-comms outbox --dead --json | jq -r .envelope_id)" "$L"
	far
	rkat-comms resend --expires 1h "$L" >/dev/null
	wait_for is_state "$L" delivered
	same "$(bodies)" late
}

@test "outbox: a letter whose time is up is dead for who waits and who looks, also where no rkat-peerd runs" {
	trust_pair tcp://127.0.0.1:1
	run rkat-comms send --expires 1s --wait delivered --timeout 30s far late
	[ "$status" -eq 6 ]
	has "$output" '"delivery":"expired"'
	lacks "$output" "stays in the outbox"
	L=$(send --expires 1s far "late, too")
	listed() { [ "$(rkat-comms outbox --dead --json | grep -c '"state":"expired"')" -eq 2 ]; }
	wait_for listed
	has "$(rkat-comms trace "$L")" " expired: its time was up before it was tried"
	# Others are not looked at.
	L=$(send far "in time")
	same "$(rkat-comms outbox --json | jq -r 'select(.envelope_id == "'"$L"'").state')" accepted
}

@test "outbox: an ACK that comes when the time ran out on the way still says that it was delivered" {
	far
	other_end late "$AT"
	trust_pair "tcp://127.0.0.1:$PORT"
	peerd
	L=$(send --expires 1s far slowly)
	wait_for is_state "$L" expired
	same "$(bodies)" slowly
	wait_for is_state "$L" delivered
}

@test "outbox: to a peer that is not trusted any more a letter is refused, with the reason" {
	trust_pair tcp://127.0.0.1:1
	peerd
	L=$(send far hello)
	wait_for tried "$L"
	rkat-comms trust remove far >/dev/null
	wait_for is_state "$L" refused
	same "$(error "$L")" "peer 'far' is not trusted any more"
}

@test "outbox: a peer that moved is tried at its new address at once" {
	far
	trust_pair tcp://127.0.0.1:1
	peerd
	L=$(send far hello)
	wait_for tried "$L" 4	# the next try is more than 2 s away
	at_once rkat-comms trust add far "$(other key)" "tcp://127.0.0.1:$AT"
	same "$(state "$L")" delivered
}

@test "outbox: hearing from a peer is a reason to try him at once" {
	far
	rkat-comms trust add far "$(other key)" tcp://127.0.0.1:1 >/dev/null
	other rkat-comms trust add near "$(key)" "uds://$T/near.sock" >/dev/null
	peerd
	L=$(send far hello)
	wait_for tried "$L" 4
	at_once env RKAT_REALM=other rkat-comms send near ping
}

@test "outbox: no ACK, or something else in its place, is no delivery" {
	other_end lie
	trust_pair "tcp://127.0.0.1:$PORT"
	peerd
	L=$(send far hello)
	wait_for tried "$L" 2
	same "$(error "$L")" "offline_or_no_ack (the answer is not its ACK)"
	stop "$END"
	other_end close
	rkat-comms trust add far "$(other key)" "tcp://127.0.0.1:$PORT" >/dev/null
	n=$(db "SELECT attempts FROM letters WHERE id = '$L'")
	wait_for tried "$L" $((n + 2))
	same "$(error "$L")" "offline_or_no_ack (it hung up)"
	same "$(state "$L")" accepted
	same "$(sort -u "$T/record" | wc -l)" 1	# the same envelope each time
}

@test "outbox: a letter that its peer drops in silence holds up the others for its time, then it is a dead letter" {
	far
	other_end choosy "$AT"
	trust_pair "tcp://127.0.0.1:$PORT"
	printf 'silent_tries = 3\nsilent_seconds = 1\n' >limits
	for n in one "poison 1" "poison 2" two three; do send far "$n" >>ids; done
	background rkat-peerd --limits limits
	wait_for is_state "$(tail -n 1 ids)" delivered
	same "$(bodies)" "one two three"
	same "$(db "SELECT group_concat(state) FROM (SELECT state FROM letters ORDER BY seq)")" delivered,refused,refused,delivered,delivered
	has "$(error "$(sed -n 2p ids)")" "peer_silent ("
	has "$(error "$(sed -n 2p ids)")" "none was acknowledged)"
	[ "$(db "SELECT min(silent) FROM letters WHERE state = 'refused'")" -ge 3 ]
	has "$(rkat-comms trace "$(sed -n 2p ids)")" "refused: peer_silent"
	same "$(rkat-comms outbox --dead --json | jq -r .envelope_id | sort)" "$(sed -n 2,3p ids | sort)"
	same "$(rkat-comms peers --json | jq -r '.peers[0].reachability')" reachable
	# Sent again it has all its time anew, and nobody behind it whom it would hold up.
	rkat-comms resend "$(sed -n 2p ids)" >/dev/null
	L=$(sed -n 2p ids)
	wait_for silent 4
	same "$(state "$L")" accepted
}

@test "outbox: the last letter to one who hears nothing, and all to one who is not there, wait for all of their time" {
	trust_pair tcp://127.0.0.1:1
	printf 'silent_tries = 1\nsilent_seconds = 0\n' >limits
	L=$(send far first)
	M=$(send far second)
	background rkat-peerd --limits limits
	wait_for tried "$L" 3
	same "$(state "$L")" accepted
	stop "$PID"
	other_end close
	rkat-comms trust add far "$(other key)" "tcp://127.0.0.1:$PORT" >/dev/null
	background rkat-peerd --limits limits
	wait_for tried "$M" 3
	same "$(state "$L"),$(state "$M")" refused,accepted
	same "$(db "SELECT silent FROM letters WHERE id = '$L'")" 1
	same "$(rkat-comms peers --json | jq -r '.peers[0].last_unreachable_reason')" offline_or_no_ack
}

@test "outbox: after a rotate it says whom to tell; once told, what waited arrives with the new key, in order" {
	far
	trust_pair "tcp://127.0.0.1:$AT"
	old=$(key)
	same "$(rkat-comms identity rotate --json | jq -c '[.old_key, [.tell[] | .name, .address, .waiting]]')" \
	    "[\"$old\",[\"far\",\"tcp://127.0.0.1:$AT\",0]]"
	old=$(key)
	other rkat-comms trust add near "$old" tcp://127.0.0.1:1 >/dev/null
	for n in one two; do L=$(send far "$n"); done
	rkat-comms identity rotate >out 2>err
	has "$(cat err)" "  far at tcp://127.0.0.1:$AT: 2 letters wait"
	has "$(cat err)" "there: rkat comms trust add 'test' $(key) ADDRESS"
	has "$(cat err)" "and then: rkat comms trust remove $old"
	has "$(cat out)" "key      $(key)"
	peerd
	wait_for tried "$(rkat-comms outbox --json | jq -r .envelope_id | tail -n 1)" 2
	same "$(odb 'SELECT count(*) FROM arrivals')" 0
	other rkat-comms trust add 'test' "$(key)" tcp://127.0.0.1:1 >/dev/null
	other rkat-comms trust remove "$old" >/dev/null
	wait_for is_state "$L" delivered
	same "$(bodies)" "one two"
	same "$(odb 'SELECT DISTINCT sender_key FROM arrivals')" "$(key)"
}

@test "outbox: --wait admitted ends at delivered where the other host tells no more, and says so" {
	far
	trust_pair "tcp://127.0.0.1:$AT"
	peerd
	rc=0; rkat-comms send --wait admitted --timeout 60s far hello >out 2>err || rc=$?
	same "$rc $(jq -r .delivery out)" "4 delivered"
	has "$(cat err)" "delivered, not admitted, as far as another host tells: the protocol has no word for it"
	# The answer of a request would tell, so that is waited for.
	rkat-comms send --kind peer_request --intent ask --wait admitted --timeout 60s far >out 2>err &
	pid=$!
	wait_for arrived 2
	has "$(rkat-comms outbox --json | jq -r .kind.type)" request
	R=$(rkat-comms outbox --json | jq -r 'select(.kind.type == "request") | .envelope_id')
	other rkat-comms trust add near "$(key)" "uds://$T/near.sock" >/dev/null
	other rkat-comms send --kind peer_response --in-reply-to "$R" near >/dev/null 2>&1
	wait "$pid"
	same "$(jq -r .delivery out)" answered
}

@test "outbox: content blocks to a peer that has no ACK for them: delivered, unconfirmed" {
	other_end close
	trust_pair "tcp://127.0.0.1:$PORT"
	L=$(send --blocks '[{"type":"text","text":"x"}]' far see)
	rkat-peerd --once
	same "$(state "$L")" delivered
	has "$(error "$L")" "delivery unconfirmed"
	has "$(rkat-comms trace "$L")" "delivery unconfirmed"
	same "$(wc -l <"$T/record")" 1
}

@test "outbox: a response is delivered when its connection ended in order, not when it was reset" {
	other_end reset
	trust_pair "tcp://127.0.0.1:$PORT"
	peerd
	L=$(send --kind peer_response --in-reply-to 550e8400-e29b-41d4-a716-446655440000 far)
	wait_for tried "$L"
	same "$(state "$L")" accepted
	has "$(error "$L")" "offline_or_no_ack (Connection reset by peer)"
	stop "$END"
	other_end close
	rkat-comms trust add far "$(other key)" "tcp://127.0.0.1:$PORT" >/dev/null
	wait_for is_state "$L" delivered
}

@test "outbox: a response that our peer does not take is no delivery" {
	far
	trust_pair "tcp://127.0.0.1:$AT"
	other rkat-comms trust remove near >/dev/null
	L=$(send --kind peer_response --in-reply-to 550e8400-e29b-41d4-a716-446655440000 far)
	rkat-peerd --once
	same "$(state "$L")" accepted
	other rkat-comms trust add near "$(key)" tcp://127.0.0.1:1 >/dev/null
	rkat-peerd --once
	same "$(state "$L")" delivered
	same "$(odb 'SELECT count(*) FROM arrivals')" 1
}

@test "outbox: killed between the ACK and its commit, the letter goes out again and arrives once" {
	far
	trust_pair "tcp://127.0.0.1:$AT"
	L=$(send far once)
	kill -STOP "$FAR"
	background rkat-peerd
	near=$PID
	sent() { ss -tn state established "( dport = :$AT )" | grep -q ":$AT"; }
	wait_for sent
	mkfifo "$T/sql"
	sqlite3 -cmd ".timeout 10000" "$(realm_dir)/realm.sqlite3" <"$T/sql" >"$T/held" 3>&- 9>&- &
	exec 7>"$T/sql"
	echo 'BEGIN IMMEDIATE; SELECT 1;' >&7
	wait_for test -s "$T/held"
	kill -CONT "$FAR"
	wait_for arrived 1
	same "$(state "$L")" accepted
	stop "$near" -KILL
	exec 7>&-
	rkat-peerd --once
	same "$(state "$L")" delivered
	same "$(bodies)" once
}

@test "outbox: told to stop, it does not wait for a peer that says nothing" {
	other_end mute
	trust_pair "tcp://127.0.0.1:$PORT"
	peerd
	L=$(send far hello)
	wait_for test -s "$T/record"
	kill "$NEAR"
	wait "$NEAR"
	same "$(state "$L")" accepted
}

@test "outbox: rkats keeps the words from who carries them, tcp does not" {
	far
	other_end proxy "$AT"
	trust_pair "rkats://127.0.0.1:$PORT"
	for n in 1 2 3; do L=$(send far "a secret word $n"); done
	rkat-peerd --once
	same "$(state "$L")" delivered
	same "$(bodies)" "a secret word 1 a secret word 2 a secret word 3"
	same "$(odb 'SELECT DISTINCT channel FROM arrivals')" rkats
	same "$(head -c 5 "$T/record")" rkat1
	! grep -aq "secret" "$T/record" || return 1
	rkat-comms trust add far "$(other key)" "tcp://127.0.0.1:$PORT" >/dev/null
	L=$(send far "a secret word 4")
	rkat-peerd --once
	same "$(state "$L")" delivered
	grep -aq "secret word 4" "$T/record"
}

@test "outbox: over rkats a response is acknowledged, too" {
	far
	trust_pair "rkats://127.0.0.1:$AT"
	L=$(send --kind peer_response --in-reply-to 550e8400-e29b-41d4-a716-446655440000 far)
	rkat-peerd --once
	same "$(state "$L")" delivered
	same "$(odb 'SELECT count(*) FROM arrivals')" 1
}

@test "outbox: an rkats peer is never spoken to in the clear, nor is another one believed" {
	other_end close
	trust_pair "rkats://127.0.0.1:$PORT"
	L=$(send far "a secret word")
	background rkat-peerd
	wait_for tried "$L" 2
	has "$(error "$L")" "transport_error (it hung up on the handshake)"
	stop "$PID"
	! grep -q "$(printf secret | od -An -tx1 | tr -d ' ')" "$T/record" || return 1
	# Somebody who is trusted, in the place of the one who is meant.
	far
	RKAT_REALM=third key >"$T/third"
	rkat-comms trust add far "$(cat "$T/third")" "rkats://127.0.0.1:$AT" >/dev/null
	L=$(send "$(cat "$T/third")" hello)
	rkat-peerd --once
	same "$(state "$L")" accepted
	has "$(error "$L")" transport_error
	same "$(odb 'SELECT count(*) FROM arrivals')" 0
}
