# rkat-comms: what is said gets there once, and its receipt is true.
load helper
bats_require_minimum_version 1.5.0

KEY=ed25519:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=

two_agents() {
	A=$(rkat-session create --comms-name agent-a --agent-description "writes code")
	B_=$(rkat-session create --comms-name agent-b --keep-alive --agent-label team=core)
}
outside() { rkat-comms trust add far "$KEY" tcp://127.0.0.1:9; }
letter() { jq -r .envelope_id <<<"$1"; }

# said SESSION: the texts of its user messages.
said() { rkat-session history "$1" | jq -r 'select(.role == "user").content | if type == "array" then .[].text else . end'; }

# A build that kills itself at a named point (design rule 14).
crash_build() {
	(unset MAKEFLAGS MAKELEVEL; cd "$BATS_TEST_DIRNAME/.." &&
	    make -s B="$B/crash" CFLAGS='-O1 -g -DRKAT_CRASH_POINTS' LDFLAGS= "$B/crash/bin/rkat-comms" 3>&-)
}

# ---- identity and trust ----

@test "identity: one key of a realm and one of each session, the same every time, new when rotated" {
	two_agents
	key=$(rkat-comms identity --json | jq -r .public_key)
	same "$(rkat-comms identity show --json | jq -r .public_key)" "$key"
	same "$(rkat-comms identity)" "name     test
key      $key
peer id  $(rkat-comms identity --json | jq -r .peer_id)"
	a=$(rkat-comms identity -s agent-a --json)
	same "$(jq -r '.name, .session_id' <<<"$a")" "agent-a
$A"
	[ "$(jq -r .public_key <<<"$a")" != "$key" ]
	same "$(rkat-comms peers -s agent-b --json | jq -r '.peers[0].peer_id')" "$(jq -r .public_key <<<"$a")"
	new=$(rkat-comms identity rotate -s agent-a --json | jq -r .public_key)
	[ "$new" != "$(jq -r .public_key <<<"$a")" ]
	same "$(rkat-comms peers -s agent-b --json | jq -r '.peers[0].peer_id')" "$new"
	same "$(db "SELECT resident FROM participants WHERE name = 'agent-b'")" 1
	run rkat-comms identity -s "$(rkat-session create)"
	same "$status" 1
	has "$output" "NOT_FOUND: Session not found or comms not enabled"
}

@test "identity: the secret is in no output and in no file but its own, which is ours alone" {
	two_agents
	outside
	rkat-comms identity rotate >/dev/null
	rkat-comms send -s agent-a agent-b hello >/dev/null
	rkat-comms send far hello >/dev/null 2>&1
	dir=$(realm_dir)
	for k in "$dir/.rkat/identity" "$dir/.rkat/session_comms_identity/$A"; do
		same "$(stat -c '%a %s' "$k/identity.key")" "600 32"
		hex=$(od -An -v -tx1 "$k/identity.key" | tr -d ' \n')
		b64=$(base64 -w0 <"$k/identity.key")
		for v in 'identity' 'identity -s agent-a --json' 'identity rotate' 'trust list --json' 'peers --json' \
		    'outbox --json' 'inbox -s agent-b --json'; do
			[ "$v" != 'identity rotate' ] || [ "$k" = "$dir/.rkat/identity" ] || continue
			RKAT_LOG=debug rkat-comms $v
		done >"$T/out" 2>&1
		lacks "$(cat "$T/out")" "$hex"
		lacks "$(cat "$T/out")" "${b64%%=*}"
		find "$T" -type f ! -name identity.key ! -name out -print0 >"$T/files"
		python3 - "$hex" "$T/files" <<-'END'
			import base64, sys
			seed = bytes.fromhex(sys.argv[1])
			b64 = base64.b64encode(seed).rstrip(b"=")
			for name in open(sys.argv[2], "rb").read().split(b"\0"):
			    if name and not name.endswith(b"/files"):
			        data = open(name, "rb").read()
			        assert seed not in data and seed.hex().encode() not in data and b64 not in data, name
		END
	done
}

@test "trust: added, shown, replaced by its key, removed by name, key or peer id" {
	same "$(rkat-comms trust)" "Nobody outside is trusted."
	same "$(rkat-comms trust list --json)" '{"peers":[]}'
	same "$(ls "$RKAT_STATE_ROOT" 2>/dev/null)" ""
	rkat-comms trust add reviewer "$KEY" tcp://h:1 --description "reads diffs" --label a=b --label c=d
	same "$(rkat-comms trust list --json | jq -c .peers[0].meta)" '{"description":"reads diffs","labels":{"a":"b","c":"d"}}'
	has "$(rkat-comms trust)" "reviewer  $KEY  tcp://h:1  reads diffs"
	rkat-comms trust add other "$KEY" tcp://h:2
	same "$(rkat-comms trust list --json | jq -c '[.peers[].name]')" '["other"]'
	rkat-comms trust remove "$KEY"
	run rkat-comms trust remove other
	same "$status" 1
	has "$output" "NOT_FOUND: peer 'other' is not trusted"
	for bad in "x nokey tcp://h:1|Invalid peer ID format" "x $KEY http://h|unknown scheme" "x $KEY tcp://h|want host:port" \
	    "'' $KEY tcp://h:1|not blank" "x ed25519:AAAA tcp://h:1|Invalid key length" "x $KEY tcp://h:1 --label nope|--label: expected key=value"; do
		run bash -c "rkat-comms trust add ${bad%|*}"
		same "$status" 2
		has "$output" "${bad#*|}"
	done
	same "$(rkat-comms trust list --json)" '{"peers":[]}'
}

@test "trust: a binding file is enough, in both its forms; a bad one is told and changes nothing" {
	printf '{"address":"tcp://h:1","bootstrap_token":"t0ken","identity":{"kind":"ed25519_public_key","public_key":"%s"},"kind":"external"}' "$KEY" >agent-b.json
	rkat-comms trust add --file agent-b.json
	same "$(rkat-comms trust list --json | jq -r '.peers[0] | .name + " " + .pubkey + " " + .addr')" "agent-b $KEY tcp://h:1"
	lacks "$(cat "$(realm_dir)/.rkat/trusted_peers.json")" t0ken
	printf '{"kind":"external","peer_id":"%s","address":"tcp://h:2"}' "$KEY" |
	    rkat-comms trust add --file - --name old
	same "$(rkat-comms trust list --json | jq -r '.peers[0] | .name + " " + .addr')" "old tcp://h:2"
	for bad in '{' '[]' '{"kind":"session"}' '{"kind":"external","address":"tcp://h:1"}' \
	    '{"kind":"external","peer_id":"ed25519:x","address":"tcp://h:1"}' \
	    "{\"kind\":\"external\",\"peer_id\":\"$KEY\"}" "{\"kind\":\"external\",\"peer_id\":\"$KEY\",\"address\":\"nope\"}"; do
		run rkat-comms trust add --file - --name new <<<"$bad"
		same "$bad: $status" "$bad: 2"
		same "${#lines[@]}" 1
	done
	run rkat-comms trust add --file none.json
	same "$status" 1
	same "$(rkat-comms trust list --json | jq -r '.peers[].name')" old
}

@test "trust: of many who add at once nobody's peer is lost" {
	local pids=()
	rkat-comms identity >/dev/null
	for n in $(seq 20); do
		key=ed25519:$(printf '%032d' "$n" | base64 -w0)
		rkat-comms trust add "p$n" "$key" "tcp://h:$n" &
		pids+=("$!")
	done
	wait "${pids[@]}"
	same "$(rkat-comms trust list --json | jq '.peers | length')" 20
}

# ---- send ----

@test "send: every kind reaches a participant in the transaction that accepts it" {
	two_agents
	out=$(rkat-comms send -s agent-a agent-b 'hello "there"')
	same "$(jq -c 'del(.envelope_id)' <<<"$out")" '{"kind":"peer_message_sent","acked":true,"delivery":"delivered"}'
	echo from stdin | rkat-comms send -s agent-a agent-b - >/dev/null
	rkat-comms send -s agent-a --steer agent-b now >/dev/null
	R=$(letter "$(rkat-comms send -s agent-a --kind peer_request --intent review --params '{"n":1}' agent-b)")
	rkat-comms send -s agent-a --kind peer_request --intent review agent-b "the body" >/dev/null
	rkat-comms send -s agent-a --kind peer_lifecycle --intent mob.peer_added agent-b >/dev/null
	rkat-comms send -s agent-b --kind peer_response --in-reply-to "$R" --result '[1.0,9007199254740993]' agent-a >/dev/null
	same "$(rkat-comms inbox -s agent-b --json | jq -sc 'reverse | [.[].kind]')" \
	    '[{"type":"message","body":"hello \"there\""},{"type":"message","body":"from stdin"},{"type":"message","body":"now","handling_mode":"steer"},{"type":"request","intent":"review","params":{"n":1}},{"type":"request","intent":"review","params":{"body":"the body"}},{"type":"request","intent":"mob.peer_added","params":{}}]'
	has "$(rkat-comms inbox -s "$A" --json)" '"result":[1.0,9007199254740993]}'
	same "$(rkat-session inputs agent-b | jq -r .mode | sort | uniq -c | tr -s ' \n' ' ')" " 5 queue 1 steer "
	rkat-comms send -s agent-a --kind input "to myself" >/dev/null
	same "$(rkat-session inputs agent-a | jq -c 'select(.kind == "external_event") | [.source, .body]')" '["cli",{"body":"to myself"}]'
	rkat-comms send agent-b "from the realm" >/dev/null
	rkat-comms send -s agent-b test "to the realm" >/dev/null
	same "$(rkat-comms inbox --json | jq -r '.from + ": " + .kind.body')" "agent-b: to the realm"
	has "$(rkat-comms inbox -s agent-b --limit 1)" "  test (inproc)  message: from the realm"
}

@test "send: named by name, key, peer id or session; unknown and ambiguous names are errors" {
	two_agents
	key=$(rkat-comms identity -s agent-b --json | jq -r .public_key)
	id=$(rkat-comms identity -s agent-b --json | jq -r .peer_id)
	for to in agent-b "$key" "$id" "$B_"; do
		rkat-comms send -s agent-a "$to" hello >/dev/null
	done
	same "$(rkat-comms inbox -s agent-b --json | wc -l)" 4
	run rkat-comms send nobody hello
	same "$status" 1
	has "$output" "NOT_FOUND: peer 'nobody' is not found or not trusted"
	run rkat-comms send -s agent-a agent-a hello
	same "$status" 1
	rkat-session create --comms-name agent-b >/dev/null
	run rkat-comms send -s agent-a agent-b hello
	same "$status" 2
	has "$output" "several sessions are called 'agent-b'"
	rkat-comms trust add agent-a "$KEY" tcp://127.0.0.1:9
	run rkat-comms send agent-a hello
	same "$status" 2
	has "$output" "a peer outside and a session are called 'agent-a': name one by its key"
	rkat-comms send "$KEY" hello >/dev/null 2>&1
	rkat-comms trust remove agent-a
	run rkat-comms event agent-b 1
	same "$status" 2
	run rkat-comms send -s none agent-a hello
	same "$status" 10
	run rkat-comms send -s "$(rkat-session create)" agent-a hello
	same "$status" 1
}

@test "send: what makes no sense is one line with status 2, and nothing is sent" {
	two_agents
	while IFS='|' read -r args what; do
		run bash -c "rkat-comms send -s agent-a $args </dev/null"
		same "$args: $status" "$args: 2"
		same "$args: ${#lines[@]}" "$args: 1"
		has "$args: $output" "INVALID_PARAMS: $what"
	done <<-'END'
	agent-b|a message wants a body
	agent-b one two|wrong arguments; usage: rkat-comms send
	--kind nope agent-b x|--kind: unknown_kind: nope
	--kind peer_request agent-b|--intent: required_field
	--kind peer_request --intent i --params {bad agent-b|--params: not JSON
	--kind peer_request --intent i --params 1 agent-b body|--params: a request has them or a body
	--kind peer_response agent-b|--in-reply-to: required_field
	--kind peer_response --in-reply-to x agent-b|--in-reply-to: invalid_uuid: x
	--kind peer_response --in-reply-to 01a1fdb1-c280-7356-9468-4e391c62b3b1 --status no agent-b|--status: invalid_value: no
	--kind peer_response --in-reply-to 01a1fdb1-c280-7356-9468-4e391c62b3b1 --status accepted --steer agent-b|--steer: forbidden_for_accepted_response
	--kind peer_lifecycle --intent made.up agent-b|--intent: invalid_value: made.up
	--blocks {} agent-b x|--blocks: want an array
	--kind peer_request --intent i --blocks [] agent-b|--blocks: only in a message
	--wait soon agent-b x|--wait: want accepted, delivered, admitted or answered, got 'soon'
	--wait answered agent-b x|--wait answered: only a peer_request is answered
	--timeout 1s agent-b x|--timeout: of what?
	--wait delivered --timeout never agent-b x|--timeout:
	--expires 0s agent-b x|--expires: want more than nothing
	--key '' agent-b x|--key: the value is empty
	agent-b $'\xff'|body: want UTF-8
	END
	run bash -c 'printf "a\0b" | rkat-comms send -s agent-a agent-b -'
	same "$status" 2
	run rkat-comms send --kind input hello
	same "$status" 2
	has "$output" "an input wants its session"
	head -c 1100000 /dev/zero | tr '\0' x >big
	run bash -c 'rkat-comms send -s agent-a agent-b - <big'
	same "$status" 2
	same "$(db 'SELECT (SELECT count(*) FROM letters) + (SELECT count(*) FROM arrivals)')" 0
}

@test "send: one key is one letter, whoever says it twice" {
	two_agents
	one=$(rkat-comms send -s agent-a --key k1 agent-b hello)
	two=$(rkat-comms send -s agent-a --key k1 agent-b hello)
	same "$(letter "$two")" "$(letter "$one")"
	same "$(jq .duplicate <<<"$two")" true
	rkat-comms send -s agent-b --key k1 agent-a hello >/dev/null
	local pids=()
	for _ in $(seq 10); do rkat-comms send -s agent-a --key k2 agent-b hello >/dev/null & pids+=("$!"); done
	wait "${pids[@]}"
	same "$(rkat-comms inbox -s agent-b --json | wc -l)" 2
}

@test "send: killed at any commit, the same letter with its key again is there once, with its input" {
	crash_build
	two_agents
	for point in commit.before commit.after; do
		rc=0
		RKAT_CRASH=$point "$B/crash/bin/rkat-comms" send -s agent-a --key "$point" agent-b hello >out || rc=$?
		same "$point $rc" "$point 137"
		same "$(cat out)" ""
		same "$(rkat-comms send -s agent-a --key "$point" agent-b hello | jq -r .delivery)" delivered
		same "$(db "SELECT count(*), (SELECT count(*) FROM arrivals), (SELECT count(*) FROM inputs) FROM letters")" \
		    "$([ "$point" = commit.before ] && echo '1|1|1' || echo '2|2|2')"
	done
}

@test "send: what goes outside waits in the outbox, and that is said" {
	outside
	run --separate-stderr rkat-comms send far hello
	same "$status" 0
	same "$(jq -r .delivery <<<"$output")" accepted
	same "$(jq .acked <<<"$output")" false
	has "$stderr" "no rkat-peerd runs in this realm: the letter is delivered when one does"
	same "$(rkat-comms outbox --json | jq -r '.state + " " + .to + " " + .address')" "accepted far tcp://127.0.0.1:9"
	rkat-peerd >peerd.log 2>&1 3>&- &
	pid=$!
	wait_for test -S "$(realm_dir)/run/peerd.sock"
	run --separate-stderr rkat-comms send far again
	same "$stderr" ""
	kill "$pid"
	wait "$pid" || :
}

# ---- waiting ----

@test "wait: each grade has its status, and the receipt says which was reached" {
	sim echo
	two_agents
	outside
	run --separate-stderr rkat-comms send --wait delivered --timeout 50ms far hello
	same "$status $(jq -r .delivery <<<"$output")" "3 accepted"
	has "$stderr" "accepted, not delivered, in time"
	run --separate-stderr rkat-comms send --wait accepted far hello
	same "$status" 0
	run --separate-stderr rkat-comms send -s agent-a --wait admitted --timeout 50ms agent-b hello
	same "$status $(jq -r .delivery <<<"$output")" "4 delivered"
	rkat-comms send -s agent-a --wait admitted --timeout 60s agent-b again >out 3>&- &
	pid=$!
	wait_for eval '[ "$(rkat-comms inbox -s agent-b --json | wc -l)" -eq 2 ]'
	rkat-turn --drain agent-b >/dev/null
	wait "$pid"
	same "$(jq -r '.delivery, .acked' out | tr '\n' ' ')" "admitted true "
	run --separate-stderr rkat-comms send -s agent-a --key k --kind peer_request --intent x --wait answered --timeout 50ms agent-b
	same "$status" 4
	rkat-turn --drain agent-b >/dev/null
	run --separate-stderr rkat-comms send -s agent-a --key k --kind peer_request --intent x --wait answered --timeout 50ms agent-b
	same "$status $(jq -r .delivery <<<"$output")" "5 admitted"
	has "$stderr" "admitted, not answered, in time"
}

@test "wait: the answer is printed when it comes, one that is only under way is none" {
	two_agents
	rkat-comms send -s agent-a --kind peer_request --intent sum --params '[1,2]' --wait answered --timeout 60s agent-b >out 3>&- &
	pid=$!
	wait_for eval '[ -n "$(rkat-comms inbox -s agent-b --json)" ]'
	R=$(rkat-comms inbox -s agent-b --json | jq -r .envelope_id)
	rkat-comms send -s agent-b --kind peer_response --in-reply-to "$R" --status accepted agent-a >/dev/null
	rkat-comms send -s agent-b --kind peer_response --in-reply-to "$R" --result '{"sum":3.0}' agent-a >/dev/null
	wait "$pid"
	same "$(cat out)" "{\"type\":\"response\",\"in_reply_to\":\"$R\",\"status\":\"completed\",\"result\":{\"sum\":3.0}}"
	same "$(rkat-comms outbox -s agent-a --state answered --json | jq -r .envelope_id)" "$R"
	has "$(rkat-comms trace "$R")" "answered"
}

@test "prune: what is finished and older goes, dead letters only when asked" {
	outside
	run rkat-comms prune
	same "$status" 2
	run rkat-comms prune --before 0s
	same "$status" 2
	for n in 1 2 3; do ids[n]=$(letter "$(rkat-comms send far "$n" 2>/dev/null)"); done
	db "UPDATE letters SET state = 'delivered' WHERE id = '${ids[1]}'; UPDATE letters SET state = 'expired' WHERE id = '${ids[2]}';
	    UPDATE letters SET created_ms = created_ms - 7200000, changed_ms = changed_ms - 7200000; UPDATE hops SET at_ms = at_ms - 7200000"
	same "$(rkat-comms prune --before 3h)" '{"letters":0,"arrivals":0,"hops":0}'
	same "$(rkat-comms prune --before 1h)" '{"letters":1,"arrivals":0,"hops":1}'
	run rkat-comms trace "${ids[1]}"
	same "$status" 1
	has "$output" "nothing is known of ${ids[1]}"
	same "$(rkat-comms prune --before 1h --dead --json)" '{"letters":1,"arrivals":0,"hops":1}'
	same "$(rkat-comms outbox --json | jq -r .envelope_id)" "${ids[3]}"	# it still waits
	same "$(rkat-comms --realm nobody prune --before 1h)" '{"letters":0,"arrivals":0,"hops":0}'
	[ ! -e "$RKAT_STATE_ROOT/nobody" ]
}

@test "wait: a dead letter ends it, and is sent again with resend" {
	outside
	id=$(letter "$(rkat-comms send far hello 2>/dev/null)")
	rkat-comms send --key k --wait delivered --timeout 60s far hello >out 2>err 3>&- &
	pid=$!
	wait_for eval '[ "$(db "SELECT count(*) FROM letters")" = 2 ]'
	db "UPDATE letters SET state = 'refused', error = 'unknown key' WHERE idem = 'k'"
	rc=0; wait "$pid" || rc=$?
	same "$rc $(jq -r .delivery out)" "6 refused"
	has "$(cat err)" "refused: unknown key"
	has "$(cat err)" "send it again with: rkat comms resend"
	db "UPDATE letters SET state = 'expired', attempts = 7 WHERE id = '$id'"
	same "$(rkat-comms outbox --dead --json | jq -r .state | sort | tr '\n' ' ')" "expired refused "
	has "$(rkat-comms outbox --dead)" "  refused    far  message: hello  -- unknown key"
	rkat-comms trust add far "$KEY" tcp://127.0.0.1:10
	rkat-comms outbox --dead --json | jq -r .envelope_id | xargs -rn 1 rkat-comms resend >/dev/null 2>&1
	same "$(rkat-comms outbox --state accepted --json | jq -r .address)" "tcp://127.0.0.1:10
tcp://127.0.0.1:10"
	same "$(rkat-comms outbox --dead)" ""
	has "$(rkat-comms trace "$id")" "sent again"
	db "UPDATE letters SET state = 'delivered' WHERE id = '$id'"
	run rkat-comms resend "$id"
	same "$status" 1
	has "$output" "CONFLICT: letter $id was delivered"
	rkat-comms trust remove far
	run rkat-comms resend "$(jq -r .envelope_id out)"
	same "$status" 1
	has "$output" "is not trusted any more"
	run rkat-comms resend nope
	same "$status" 1
}

@test "wait: a receiver that throws its queue away ends it" {
	two_agents
	rkat-comms send -s agent-a --wait admitted --timeout 60s agent-b hello >out 2>err 3>&- &
	pid=$!
	wait_for eval '[ -n "$(rkat-comms inbox -s agent-b --json)" ]'
	db "UPDATE inputs SET state = 'abandoned'"
	rc=0; wait "$pid" || rc=$?
	same "$rc $(jq -r .delivery out)" "6 refused"
	lacks "$(cat err)" resend
}

@test "wait: who stops waiting is told where the letter is; it stays there" {
	outside
	for sig in INT TERM; do
		set -m	# a child of its own, so that SIGINT is not ignored
		rkat-comms send --key "$sig" --wait delivered far hello >out 2>err 3>&- &
		pid=$!
		set +m
		wait_for eval "[ \"\$(db \"SELECT count(*) FROM letters WHERE idem = '$sig'\")\" = 1 ]"
		wait_for eval "ls -l /proc/$pid/fd | grep -q signalfd"
		kill -"$sig" "$pid"
		rc=0; wait "$pid" || rc=$?
		same "$sig $rc" "$sig $([ "$sig" = INT ] && echo 130 || echo 143)"
		same "$(jq -r .delivery out)" accepted
		has "$(cat err)" "when you stopped waiting"
		has "$(cat err)" "it stays in the outbox"
	done
	same "$(rkat-comms outbox --json | jq -r .state)" "accepted
accepted"
}

# ---- looking ----

@test "peers, inbox and outbox show what is there, and make no realm to look" {
	for v in 'inbox' 'outbox' 'inbox --json' 'outbox --json --dead'; do
		run rkat-comms $v
		same "$v: $status $output" "$v: 0 "
	done
	run rkat-comms trace nope
	same "$status" 1
	run rkat-comms inbox -s last
	same "$status" 10
	same "$(ls "$RKAT_STATE_ROOT" 2>/dev/null)" ""
	same "$(rkat-comms peers)" "Nobody is there to talk to."
	two_agents
	outside
	same "$(rkat-comms peers -s agent-a --json | jq -r '.peers[] | .name + " " + .source')" "far Trusted
agent-b Inproc"
	has "$(rkat-comms peers)" "agent-a  Inproc  unknown  ed25519:"
	has "$(rkat-comms peers)" "writes code"
	rkat-comms send -s agent-a agent-b $'two\nlines \033[2J' >/dev/null
	lacks "$(rkat-comms inbox -s agent-b)" $'\033'
	same "$(rkat-comms inbox -s agent-b | wc -l)" 1
	run rkat-comms outbox --state nope
	same "$status" 2
	run rkat-comms inbox --limit 0
	same "$status" 2
}

@test "inbox and outbox: a terminal obeys nothing that others wrote" {
	two_agents
	rkat-comms send -s agent-a agent-b $'a\e[31mred\xc2\x85\xe2\x80\xa8\xe2\x80\xaeback\xe2\x81\xa6.é' >/dev/null
	same "$(rkat-comms inbox -s agent-b | sed 's/.*message: //')" "a [31mred   back .é"
	same "$(rkat-comms outbox | sed 's/.*message: //')" "a [31mred   back .é"
}

@test "trace: from the sender's hand to the run, in time's order" {
	sim echo
	two_agents
	id=$(letter "$(rkat-comms send -s agent-a agent-b hello)")
	rkat-turn --drain agent-b >/dev/null
	rkat-comms trace "$id" >out
	has "$(cat out)" "to agent-b (delivered): message: hello"
	has "$(cat out)" "arrived: inproc"
	has "$(cat out)" "queued as input"
	has "$(cat out)" "applied in run $(db 'SELECT id FROM runs')"
	has "$(cat out)" "consumed"
	same "$(tail -n +2 out | cut -c 1-24 | sort -c && echo ordered)" ordered
	same "$(rkat-comms trace --json "$id" | jq -r '[.letter.to, .arrival.from, .input.state, .input.run] | join(" ")')" \
	    "agent-b agent-a consumed $(db 'SELECT id FROM runs')"
	event=$(rkat-comms event agent-b 1 | jq -r .input)
	has "$(rkat-comms trace "$event")" "external_event from cli: 1"
	has "$(rkat-comms trace "$event")" "queued as input $event"
	run rkat-comms trace 01a1fdb1-c280-7356-9468-4e391c62b3b1
	same "$status" 1
	has "$output" "nothing is known of"
}

@test "a session with a comms name is shown with it, and whether it is resident" {
	two_agents
	has "$(rkat-session list)" "@agent-a"
	has "$(rkat-session list)" "@agent-b (resident)"
	has "$(rkat-session show agent-b)" "Comms: @agent-b (resident)"
	same "$(rkat-session list --json | jq -c '[.[] | [.comms_name, .resident]] | sort')" '[["agent-a",false],["agent-b",true]]'
	same "$(rkat-session show --json agent-a | jq -c '[.comms_name, .resident]')" '["agent-a",false]'
	for args in '--keep-alive' '--agent-description x' '--agent-label a=b' '--comms-name ""' '--comms-name x --agent-label nope'; do
		run bash -c "rkat-session create $args"
		same "$args: $status" "$args: 2"
	done
	same "$(rkat-session list --json | jq length)" 2
}

# ---- event ----

@test "event: any JSON reaches the model whole, with its source and type; text on request" {
	sim echo
	two_agents
	rkat-comms event agent-a '{"n":9007199254740993,"f":1.0}' >out
	same "$(jq -r .status out)" accepted
	rkat-comms event --type disk.full --source cron agent-a '["/var"]' >/dev/null
	echo '"a string"' | rkat-comms event agent-a >/dev/null
	echo 'not JSON' | rkat-comms event --text agent-a - >/dev/null
	same "$(rkat-session inputs agent-a | jq -r .source | tr '\n' ' ')" "cli cron cli cli "
	rkat-turn --drain agent-a >/dev/null
	said agent-a >out
	has "$(cat out)" '{"n":9007199254740993,"f":1.0}'
	has "$(cat out)" "[EVENT via cron]"
	has "$(cat out)" '{"kind":"generic_json","event_type":"disk.full","payload":["/var"]}'
	has "$(cat out)" '"a string"'
	has "$(cat out)" '"not JSON"'
}

@test "event: the status says accepted, seen before, or refused and why" {
	two_agents
	run rkat-comms event --key k1 agent-a 1
	same "$status" 0
	first=$(jq -r .input <<<"$output")
	run rkat-comms event --key k1 agent-a 2
	same "$status $output" "13 {\"input\":\"$first\",\"status\":\"deduplicated\"}"
	same "$(rkat-session inputs agent-a | jq -c .body)" 1
	while IFS='|' read -r want args what; do
		run bash -c "rkat-comms event $args </dev/null"
		same "$args: $status" "$args: $want"
		has "$args: $output" "$what"
	done <<-'END'
	2|agent-a nojson|payload (for plain text say --text): not JSON
	2|agent-a|payload
	2|agent-a '{"a":1}{'|payload
	2|agent-a $'"\xff"'|payload
	2|--text agent-a $'\xff'|text: want UTF-8
	2|--type '' agent-a 1|--type: the value is empty
	2|--key '' agent-a 1|--key: the value is empty
	2|--lines --key k agent-a|--key: not with --lines
	2|--lines --batch 0 agent-a|--batch
	2|--lines agent-a 1|wrong arguments
	2||wrong arguments
	10|nobody 1|SESSION_NOT_FOUND
	END
	rkat-session delete agent-a >/dev/null
	run rkat-comms event "$A" 1
	same "$status" 10
	db "UPDATE sessions SET retired = 1 WHERE id = '$B_'"
	run rkat-comms event agent-b 1
	same "$status" 12
	has "$output" SESSION_RETIRED
	same "$(rkat-session inputs agent-b)" ""
}

@test "event: steer reaches a turn that runs at its next step" {
	sim_script '{"match":{"user":"go","has_tool_result":false},"reply":{"tool_calls":[{"id":"a","name":"shell","args":{"command":"touch started; while [ ! -e steered ]; do sleep 0.02; done"}}]}}' \
	    '{"reply":{"text":"done"}}'
	S=$(rkat-session create --comms-name busy --tools full)
	rkat-turn busy go >out 3>&- &
	pid=$!
	wait_for test -e started
	rkat-comms event --steer busy '"stop that"' >/dev/null
	touch steered
	wait "$pid"
	same "$(rkat-session inputs busy)" ""
	same "$(db 'SELECT count(*) FROM runs')" 1
	has "$(said busy)" '"stop that"'
}

@test "event --lines: a receipt for each line in its order; a bad line does not stop the others" {
	two_agents
	run --separate-stderr rkat-comms event --lines --source feed --batch 2 agent-a <<-'END'
	{"type":"t","key":"k1","payload":{"a":1}}
	{"payload":1,"more":2}
	nope

	{"key":7,"payload":1}
	{"key":"k1","payload":2}
	[1,
	null
	END
	same "$status" 7
	same "$(jq -c '[.line, .status]' <<<"$output" | tr '\n' ' ')" \
	    '[1,"accepted"] [2,"accepted"] [3,"rejected"] [5,"rejected"] [6,"deduplicated"] [7,"rejected"] [8,"accepted"] '
	same "$(jq -rs '.[3].error' <<<"$output")" "/key: want a string"
	has "$stderr" "3 of 8 lines were refused"
	same "$(rkat-session inputs agent-a | jq -c '[.source, .key, .body]' | tr '\n' ' ')" \
	    '["feed","k1",{"kind":"generic_json","event_type":"t","payload":{"a":1}}] ["feed",null,{"payload":1,"more":2}] ["feed",null,null] '
	printf '1\n2' | rkat-comms event --lines agent-b >out
	same "$(wc -l <out)" 2
	same "$(rkat-comms event --lines agent-b </dev/null)" ""
}

@test "event --lines: a line that never ends is refused with its number, and costs no more memory" {
	two_agents
	{ echo 1; head -c 200000000 /dev/zero | tr '\0' x; echo; echo 3; head -c 20000000 /dev/zero | tr '\0' x; } |
	    ([ -n "${RKAT_SAN-}" ] || ulimit -v 200000; rkat-comms event --lines agent-a >out 2>/dev/null || echo $? >rc)
	same "$(cat rc) $(jq -c '[.line, .status]' out | tr '\n' ' ')" '7 [1,"accepted"] [2,"rejected"] [3,"accepted"] [4,"rejected"] '
	has "$(sed -n 2p out)" "more than 16777216 bytes"
}

@test "event --lines: what has come is admitted and told without waiting for more" {
	two_agents
	mkfifo in
	rkat-comms event --lines agent-a <in >out 3>&- &
	pid=$!
	exec 7>in
	echo 1 >&7
	wait_for grep -q '"line":1' out
	same "$(rkat-session inputs agent-a | wc -l)" 1
	echo 2 >&7
	wait_for grep -q '"line":2' out
	exec 7>&-
	wait "$pid"
}

@test "event --lines: a session that is closed in between ends it; what was told is in" {
	two_agents
	mkfifo in
	rkat-comms event --lines agent-a <in >out 2>err 3>&- &
	pid=$!
	exec 7>in
	echo 1 >&7
	wait_for grep -q '"line":1' out
	rkat-session delete agent-a >/dev/null
	echo 2 >&7
	exec 7>&-
	rc=0; wait "$pid" || rc=$?
	same "$rc" 10
	has "$(cat err)" "SESSION_NOT_FOUND: stdin: nothing is admitted from line 2 on"
	same "$(wc -l <out)" 1
	same "$(db 'SELECT count(*) FROM inputs')" 1
}

@test "event --lines: killed at any commit, the same lines with keys again are each in once" {
	crash_build
	two_agents
	seq 10 | sed 's/.*/{"key":"k&","payload":&}/' >lines
	for point in commit.before:1 commit.after:1 commit.before:2 commit.after:2 commit.before:4 commit.after:4; do
		db 'DELETE FROM inputs'
		rc=0
		RKAT_CRASH=$point "$B/crash/bin/rkat-comms" event --lines --batch 3 agent-a <lines >out || rc=$?
		same "$point $rc" "$point 137"
		told=$(wc -l <out)
		[ "$(db 'SELECT count(*) FROM inputs')" -ge "$told" ]
		rkat-comms event --lines --batch 3 agent-a <lines >again
		same "$(head -n "$told" again | grep -vc deduplicated)" 0
		same "$point $(rkat-session inputs agent-a | jq -c .body | tr '\n' ' ')" "$point 1 2 3 4 5 6 7 8 9 10 "
	done
}

@test "5,000 events of 20 processes while turns are killed at random: each is processed once" {
	sim_script '{"reply":{"text":"noted"}}'
	S=$(rkat-session create --comms-name sink)
	for p in $(seq 20); do
		seq "$(((p - 1) * 250 + 1))" "$((p * 250))" | sed 's/.*/{"key":"k&","payload":{"n":&}}/' |
		    rkat-comms event --lines --batch 8 sink >"out.$p" 3>&- &
		drains="${drains-} $!"
	done
	killed=0
	alive() { for p in $drains; do kill -0 "$p" 2>/dev/null && return 0; done; return 1; }
	while alive || [ "$killed" -lt 5 ]; do
		rkat-turn --drain sink >/dev/null 2>&1 3>&- &
		turn=$!
		perl -e 'select undef, undef, undef, rand 0.08'
		kill -9 "$turn" 2>/dev/null && killed=$((killed + 1))
		wait "$turn" || :
		[ "$killed" -lt 200 ] || break
	done
	wait $drains
	for _ in 1 2 3 4 5; do
		rkat-turn --drain sink >/dev/null 2>&1 || :
	done
	same "$(cat out.* | grep -c '"status":"accepted"')" 5000
	same "$(db "SELECT count(*) || ' ' || group_concat(DISTINCT state) FROM inputs")" "5000 consumed"
	said sink | grep -oE '^\{"n":[0-9]+\}$' | sort | uniq -c | awk '$1 != 1 { bad++ } { n++ } END { print n, bad + 0 }' >count
	same "$(cat count)" "5000 0"
}
