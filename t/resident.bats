# Sessions that stay reachable: rkat run --keep-alive and its rkat-peerd, the binding
# file, lines of standard input, and what happens when any of them is killed.
load helper

HEARD='{"match":{"user":"COMMS MESSAGE"},"reply":{"text":"I heard: {{user}}"}}'
NOTED='{"match":{"user":"EVENT"},"reply":{"text":"noted: {{user}}"}}'
READY='{"reply":{"text":"ready"}}'

local_setup() {
	KEPT=()
}

local_teardown() {
	local p
	for p in "${KEPT[@]}"; do
		{ kill -9 "$p"; wait "$p"; } 2>/dev/null || :
	done
	wait_for nobody_left
}

# Everything that serves this test's realm has its state root among its arguments.
nobody_left() { ! pgrep -f -- "--state-root $RKAT_STATE_ROOT" >/dev/null; }
peerd_of() { pgrep -P "$1" -f rkat-turn | xargs -rn1 pgrep -f rkat-peerd -P | head -n 1; }

# keep NAME ARGS...: rkat in the background; P is its pid, its output in $T/NAME.out and .err.
keep() {
	local name=$1
	shift
	: >"$T/$name.out"
	: >"$T/$name.err"
	rkat "$@" >"$T/$name.out" 2>"$T/$name.err" <"${INPUT:-/dev/null}" 3>&- 9>&- &
	P=$!
	KEPT+=("$P")
}
kept() {
	keep "$@"
	wait_for grep -q 'waiting for events' "$T/$1.err"
}
# ends PID STATUS
ends() {
	local s=0
	wait "$1" || s=$?
	same "$s" "$2"
}
sid() { db "SELECT session FROM participants WHERE name = '$1'"; }
says() { rkat-comms send "$1" "$2" >/dev/null; }
done_with() { [ "$(db "SELECT count(*) FROM inputs WHERE state <> 'consumed'")" = 0 ]; }

@test "the documents' line: an agent says hello, waits, hears a message, and Ctrl-C ends it cleanly" {
	sim_script "$HEARD" "$READY"
	kept a run --comms-name agent-a --keep-alive "You are a coordinator."
	same "$(db 'SELECT name, resident FROM participants')" 'agent-a|1'
	says agent-a 'the build failed'
	wait_for done_with
	kill -INT "$P"
	ends "$P" 0
	same "$(cat "$T/a.out")" ready
	same "$(grep -v '^rkat-peerd listening\|^\[Session' "$T/a.err")" "Running in keep-alive mode (Ctrl+C to exit)...
Keep-alive: initial turn complete, waiting for events (Ctrl+C to exit)...
Received Ctrl+C, shutting down...

Shutting down..."
	has "$(cat "$T/a.err")" "Turns: 1 |"
	nobody_left
	same "$(db 'SELECT resident FROM participants')" 1
}

@test "stream: further turns are shown as the first; SIGTERM is a clean end, too" {
	sim_script "$HEARD" "$READY"
	kept a run --comms-name a --keep-alive -s "hello"
	says a one
	wait_for grep -q 'I heard' "$T/a.out"
	says a two
	wait_for done_with
	kill "$P"
	ends "$P" 0
	same "$(grep -c 'I heard' "$T/a.out")" 2
	same "$(grep -c '^────' "$T/a.err")" 3
	has "$(cat "$T/a.err")" "Received SIGTERM, shutting down..."
}

@test "verbose and JSON: lines on stderr, the first turn's result alone on stdout" {
	sim_script "$HEARD" "$READY"
	kept a run --comms-name a --keep-alive -v --json "hello"
	has "$(cat "$T/a.err")" "Running in keep-alive mode with verbose output (Ctrl+C to exit)..."
	says a one
	wait_for grep -q 'Response: I heard' "$T/a.err"
	same "$(cat "$T/a.out")" ""
	kill -INT "$P"
	ends "$P" 0
	same "$(jq -r .text "$T/a.out")" ready
}

@test "the name is cli/<session> if none was given" {
	sim_script "$READY"
	kept a run --keep-alive "hello"
	same "$(db "SELECT name = 'cli/' || session FROM participants")" 1
	same "$(db "SELECT meta ->> 'comms_name' = 'cli/' || id, meta ->> 'keep_alive' FROM sessions")" '1|1'
	kill -INT "$P"
	ends "$P" 0
}

@test "a first turn that fails ends it at once; the session is kept, but not resident" {
	sim_script '{"reply":{"status":400,"error":{"type":"invalid_request_error","message":"no such thing"}}}'
	keep a run --comms-name a --keep-alive "hello"
	ends "$P" 20
	has "$(cat "$T/a.err")" "no such thing"
	lacks "$(cat "$T/a.err")" "waiting for events"
	same "$(db 'SELECT resident FROM participants')" 0
	nobody_left
}

# ---- two agents ----

@test "two agents of one realm talk to each other, each in a process that is kept alive" {
	sim_script \
	    '{"match":{"user":"COMMS MESSAGE from agent-a","has_tool_result":false},"reply":{"tool_calls":[{"id":"c2","name":"send_message","args":{"to":"agent-a","body":"pong","handling_mode":"queue"}}]}}' \
	    '{"match":{"user":"Ask agent-b","has_tool_result":false},"reply":{"tool_calls":[{"id":"c1","name":"send_message","args":{"to":"agent-b","body":"ping","handling_mode":"queue"}}]}}' \
	    '{"match":{"user":"COMMS MESSAGE from agent-b"},"reply":{"text":"it said pong"}}' '{"match":{"has_tool_result":true},"reply":{"text":"sent"}}' "$READY"
	kept b run --comms-name agent-b --keep-alive -s "You review."
	B_PID=$P
	wait_for test -S "$(realm_dir)/run/peerd.sock"
	kept a run --comms-name agent-a --keep-alive -s "Ask agent-b."
	wait_for grep -q "it said pong" "$T/a.out"
	wait_for grep -q 'sent' "$T/b.out"
	wait_for done_with
	[ -n "$(peerd_of "$B_PID")" ]
	same "$(peerd_of "$P")" ""
	kill -INT "$P" "$B_PID"
	ends "$P" 0
	ends "$B_PID" 0
}

@test "two kept alive in one realm: one has rkat-peerd, the other takes over when it goes" {
	sim_script "$HEARD" "$READY"
	kept a run --comms-name a --keep-alive "hello"
	FIRST=$P
	wait_for test -S "$(realm_dir)/run/peerd.sock"
	kept b run --comms-name b --keep-alive -s "hello"
	same "$(peerd_of "$P")" ""
	says b one
	wait_for grep -q one "$T/b.out"
	kill -INT "$FIRST"
	ends "$FIRST" 0
	says b two
	wait_for grep -q two "$T/b.out"
	[ -n "$(peerd_of "$P")" ]
	# What the other one is, its row says: it is served, too.
	says a three
	wait_for done_with
	kill -INT "$P"
	ends "$P" 0
}

# ---- after a restart ----

@test "resume --keep-alive: what arrived meanwhile is worked off; no prompt is needed" {
	sim_script "$HEARD" "$READY"
	kept a run --comms-name a --keep-alive "hello"
	kill -INT "$P"
	ends "$P" 0
	says a 'while you were away'
	rkat-comms event a '{"n":1}' >/dev/null
	same "$(db "SELECT count(*) FROM inputs WHERE state = 'queued'")" 2
	kept b resume "$(sid a)" --keep-alive -s
	wait_for done_with
	wait_for grep -q 'while you were away' "$T/b.out"
	kill -INT "$P"
	ends "$P" 0
	lacks "$(cat "$T/b.err")" "[Session:"
	same "$(db "SELECT count(*) FROM messages WHERE body LIKE '%\"user\"%while you were away%'")" 1
}

@test "rkat-peerd alone makes it reachable again; --no-keep-alive ends that" {
	sim_script "$HEARD" "$READY"
	kept a run --comms-name a --keep-alive "hello"
	kill -INT "$P"
	ends "$P" 0
	says a one
	rkat-peerd --once 2>/dev/null
	done_with
	has "$(rkat sessions list)" "@a (resident)"
	rkat resume "$(sid a)" --no-keep-alive
	same "$(db "SELECT resident FROM participants")" 0
	same "$(db "SELECT meta ->> 'keep_alive' FROM sessions")" 0
	lacks "$(rkat sessions list)" "(resident)"
	says a two
	rkat-peerd --once 2>/dev/null
	same "$(db "SELECT count(*) FROM inputs WHERE state = 'queued'")" 1
	# With a prompt it is a turn, too.
	rkat resume "$(sid a)" --no-keep-alive "go on" >/dev/null 2>&1
	done_with
}

@test "who says elsewhere that it is enough, or archives the session, ends the one that waits" {
	sim_script "$READY"
	for end in "resume --no-keep-alive" "sessions delete"; do
		kept a run --keep-alive "hello"
		rkat $end "$(db 'SELECT max(session) FROM participants')" >/dev/null
		ends "$P" 0
		same "$(cat "$T/a.out")" ready
		has "$(cat "$T/a.err")" "the session is not resident any more, shutting down..."
		nobody_left
	done
}

# ---- kills ----

@test "rkat-peerd is killed: another one is started, a turn under way is taken up again" {
	sim_script '{"match":{"user":"COMMS MESSAGE","nth":1},"reply":{"text":"never","delay_ms":60000}}' "$HEARD" "$READY"
	kept a run --comms-name a --keep-alive -s "hello"
	says a 'remember this'
	wait_for grep -q 'remember this' "$T/sim.log"
	OLD=$(peerd_of "$P")
	kill -9 "$OLD"
	wait_for grep -q 'I heard' "$T/a.out"
	wait_for done_with
	[ "$(peerd_of "$P")" != "$OLD" ]
	same "$(db "SELECT count(*) FROM messages WHERE body LIKE '%\"user\"%remember this%'")" 1
	kill -INT "$P"
	ends "$P" 0
}

@test "rkat itself is killed: nothing is left running, nothing is lost" {
	sim_script '{"match":{"user":"COMMS MESSAGE","nth":1},"reply":{"text":"never","delay_ms":60000}}' "$HEARD" "$READY"
	kept a run --comms-name a --keep-alive "hello"
	says a 'remember this'
	wait_for grep -q 'remember this' "$T/sim.log"
	kill -9 "$P"
	wait_for nobody_left
	kept b resume "$(sid a)" --keep-alive -s
	wait_for grep -q 'I heard' "$T/b.out"
	wait_for done_with
	same "$(db "SELECT count(*) FROM messages WHERE body LIKE '%\"user\"%remember this%'")" 1
	kill -INT "$P"
	ends "$P" 0
}

@test "killed at random, again and again: every message is worked off once" {
	sim_script '{"match":{"user":"COMMS MESSAGE"},"reply":{"text":"I heard it","delay_ms":30}}' "$READY"
	kept a run --comms-name a --keep-alive "hello"
	ID=$(sid a)
	for n in 1 2 3 4 5 6; do
		says a "number $n."
		[ $((n % 2)) -eq 0 ] && kill -9 "$(peerd_of "$P")" 2>/dev/null || :
		[ $((n % 3)) -ne 0 ] || {
			kill -9 "$P"
			wait_for nobody_left
			kept "a$n" resume "$ID" --keep-alive
		}
	done
	wait_for done_with
	for n in 1 2 3 4 5 6; do
		same "$n $(db "SELECT count(*) FROM messages WHERE body LIKE '%\"user\"%number $n.%'")" "$n 1"
	done
	kill -INT "$P"
	ends "$P" 0
}

@test "Ctrl-C while a turn is under way: it is stopped and its input stays" {
	sim_script '{"match":{"user":"COMMS MESSAGE","nth":1},"reply":{"text":"never","delay_ms":60000}}' "$HEARD" "$READY"
	kept a run --comms-name a --keep-alive "hello"
	says a 'remember this'
	wait_for grep -q 'remember this' "$T/sim.log"
	kill -INT "$P"
	ends "$P" 0
	nobody_left
	rkat-peerd --once 2>/dev/null
	done_with
	same "$(db "SELECT group_concat(state, ' ') FROM (SELECT state FROM runs ORDER BY seq)")" "completed interrupted completed"
}

# ---- steer ----

@test "a steer message reaches a turn under way at its next boundary" {
	sim_script '{"match":{"user":"COMMS MESSAGE","history":"change of plan"},"reply":{"text":"new plan it is"}}' \
	    '{"match":{"user":"long work"},"reply":{"tool_calls":[{"id":"c1","name":"shell","args":{"command":"touch began; while [ ! -e go ]; do sleep 0.02; done"}}]}}' "$READY"
	kept a run --comms-name a --keep-alive -s -t full "hello"
	says a 'long work'
	wait_for test -e began
	rkat-comms send --steer a 'change of plan' >/dev/null
	touch go
	wait_for grep -q 'new plan' "$T/a.out"
	wait_for done_with
	# One run for both: it was not queued behind.
	same "$(db "SELECT count(*) FROM runs")" 2
	same "$(db "SELECT count(DISTINCT run) FROM inputs WHERE kind = 'peer'")" 1
	kill -INT "$P"
	ends "$P" 0
}

# ---- standard input ----

@test "stdin lines: each is an event that wakes the session; the end of input does not end it" {
	sim_script "$NOTED" "$READY"
	mkfifo lines
	exec 9<>lines
	INPUT=lines kept a run --stdin lines --stream "watch"
	printf 'disk full\n\nall well\n' >&9
	wait_for grep -q 'disk full' "$T/a.out"
	wait_for grep -q 'all well' "$T/a.out"
	exec 9>&-
	wait_for done_with
	same "$(db "SELECT group_concat(body, ' ') FROM inputs WHERE source = 'stdin' AND wake")" '{"body":"disk full"} {"body":"all well"}'
	rkat-comms event "$(db 'SELECT session FROM participants')" '{"still":"there"}' >/dev/null
	wait_for grep -q 'still' "$T/sim.log"
	kill -INT "$P"
	ends "$P" 0
}

@test "stdin lines: many at once wait in the queue, none is lost" {
	sim_script "$NOTED" "$READY"
	mkfifo lines
	exec 9<>lines
	INPUT=lines kept a run --stdin lines "watch"
	seq 1000 >&9
	all_in() { [ "$(db "SELECT count(*) FROM inputs WHERE source = 'stdin' AND state = 'consumed'")" = 1000 ]; }
	wait_for all_in
	kill -INT "$P"
	ends "$P" 0
}

# ---- the binding file ----

@test "the binding file: the sheet's bytes, readable by its owner alone, there while the first turn runs" {
	sim_script '{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"id":"c1","name":"shell","args":{"command":"while [ ! -e go ]; do sleep 0.02; done"}}]}}' "$READY"
	keep a run -t full --comms-name remote-reviewer --comms-listen-tcp 127.0.0.1:0 \
	    --comms-advertise-tcp reviewer.example.com:4200 \
	    --comms-binding-out ./deep/er/remote-reviewer.binding.json --keep-alive "You review."
	F=deep/er/remote-reviewer.binding.json
	wait_for test -s "$F"
	same "$(db 'SELECT state FROM runs')" running
	KEY=$(db 'SELECT key FROM participants')
	TOKEN=$( (printf %s meerkat.supervisor-bridge.bootstrap-token.v1; cat "$(realm_dir)/.rkat/session_comms_identity/$(sid remote-reviewer)/identity.key") |
	    sha256sum | cut -d' ' -f1 | python3 -c 'import base64; print(base64.urlsafe_b64encode(bytes.fromhex(input())).decode().rstrip("="))')
	printf '%s\n' '{' '  "address": "tcp://reviewer.example.com:4200",' "  \"bootstrap_token\": \"$TOKEN\"," '  "identity": {' \
	    '    "kind": "ed25519_public_key",' "    \"public_key\": \"$KEY\"" '  },' '  "kind": "external"' | tr -d '\r' >want
	printf '}' >>want
	cmp want "$F"
	same "$(stat -c %a "$F")" 600
	same "$(ls deep/er | wc -l)" 1
	touch go
	wait_for grep -q 'waiting for events' "$T/a.err"
	has "$(cat "$T/a.err")" "Wrote comms external binding to ./deep/er/remote-reviewer.binding.json"
	same "$(db 'SELECT listen, advertise FROM participants')" 'tcp://127.0.0.1:0|tcp://reviewer.example.com:4200'
	kill -INT "$P"
	ends "$P" 0
}

@test "the binding file: a place that cannot be written fails the run, by name" {
	sim_script '{"reply":{"text":"ready","delay_ms":300}}'
	: >file
	run rkat run --comms-listen-tcp 127.0.0.1:0 --comms-advertise-tcp h:1 --comms-binding-out file/b.json "hello" </dev/null
	[ "$status" -ne 0 ]
	has "$output" "file"
	lacks "$output" "ready"
}

@test "a port where somebody else listens fails the run: nothing is made and no binding file sends peers there" {
	sim_script "$READY"
	python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 0))
open("port", "w").write(str(s.getsockname()[1]))
time.sleep(60)' 3>&- &
	OTHER=$!
	KEPT+=("$OTHER")
	wait_for test -s port
	run timeout 20 rkat run --comms-listen-tcp "127.0.0.1:$(cat port)" --comms-binding-out b.json --keep-alive "hello" </dev/null
	{ kill "$OTHER" && wait "$OTHER"; } 2>/dev/null || :
	[ "$status" -eq 1 ]
	has "$output" "--comms-listen-tcp 127.0.0.1:$(cat port): Address already in use"
	[ ! -e b.json ]
	same "$(rkat sessions list --json | jq length)" 0
}

@test "description and labels are what peers see" {
	sim_script "$READY"
	rkat run --comms-name a --agent-description "reviews code" --agent-label team=core --agent-label tier=1 "hello" >/dev/null 2>&1
	same "$(db 'SELECT meta, resident FROM participants')" '{"description":"reviews code","labels":{"team":"core","tier":"1"}}|0'
	# What is not given again stays.
	rkat resume last --comms-name b "again" >/dev/null 2>&1
	same "$(db 'SELECT name, meta FROM participants')" 'b|{"description":"reviews code","labels":{"team":"core","tier":"1"}}'
}

# ---- flags ----

@test "flags that do not go together are usage errors, and nothing is made" {
	sim_script "$READY"
	for flags in "--comms-binding-out f --comms-listen-tcp 127.0.0.1:4200" "--comms-listen-tcp 127.0.0.1:4200" \
	    "--comms-advertise-tcp a:1" "--comms-name a" "--agent-description d" "--agent-label a=b" "--keep-alive"; do
		run rkat run --no-comms $flags "hello" </dev/null
		same "$flags $status" "$flags 2"
		has "$output" "${flags%% *} cannot be used with --no-comms"
	done
	while IFS='|' read -r flags text; do
		run rkat run $flags "hello" </dev/null
		same "$flags $status" "$flags 2"
		has "$output" "$text"
	done <<'EOF'
--comms-listen-tcp 4200|invalid --comms-listen-tcp address '4200': want HOST:PORT
--comms-advertise-tcp a:b|invalid --comms-advertise-tcp address 'a:b': want HOST:PORT
--comms-binding-out f|--comms-binding-out requires a comms runtime with an advertised address
--comms-binding-out f --comms-listen-tcp 0.0.0.0:4200|with an advertised address
--comms-binding-out f --comms-listen-tcp [::]:4200|with an advertised address
--comms-binding-out f --comms-listen-tcp 127.0.0.1:0|with an advertised address
--agent-label role=x|peer_meta label 'role' is reserved for mob-managed sessions
--agent-label x|--agent-label: expected key=value, got: x
--no-keep-alive|--no-keep-alive is no option here
EOF
	run rkat run --comms-name " " hello </dev/null
	same "$status" 2
	[ ! -e "$RKAT_STATE_ROOT" ]
	run rkat resume last </dev/null
	same "$status" 2
	run rkat resume last --keep-alive --no-keep-alive </dev/null
	has "$output" "cannot use --keep-alive and --no-keep-alive together"
	run rkat run --comms-pairing-password x hello </dev/null
	same "$status" 40
	has "$output" "--comms-pairing-password: pairing of peers by a password is not part of this release"
}
