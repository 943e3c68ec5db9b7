# Many at once: turns in one realm, turns on one session, writers of one configuration.
load helper

local_setup() {
	command -v rkat-turn >/dev/null || skip "rkat-turn is not built"
}

# crowd N COMMAND...: N of it at once, {} being the number; status and stderr of each in $T/crowd.
crowd() {
	local n=$1 i pids=
	shift
	mkdir -p "$T/crowd"
	for i in $(seq "$n"); do
		{
			s=0
			"${@//\{\}/$i}" >"$T/crowd/$i.out" 2>"$T/crowd/$i.err" </dev/null || s=$?
			echo "$s" >"$T/crowd/$i.status"
		} 3>&- &
		pids="$pids $!"
	done
	wait $pids
}
statuses() { cat "$T"/crowd/*.status | sort | uniq -c | awk '{ print $2 "x" $1 }' | tr '\n' ' '; }

# No word of a lock on any stderr.
no_lock_words() {
	run grep -il 'locked\|busy' "$T"/crowd/*.err
	same "$output" ""
}

@test "64 runs at once in a fresh realm: 64 answers, 64 sessions, no word of a lock" {
	sim echo
	crowd 64 rkat run "number {}!"
	same "$(statuses)" "0x64 "
	no_lock_words
	same "$(db 'SELECT count(*) FROM sessions')" 64
	for i in $(seq 64); do
		same "$(cat "$T/crowd/$i.out")" "You said: number $i!"
	done
	same "$(db "SELECT count(*) FROM runs WHERE state = 'completed'")" 64
	same "$(cat "$(realm_dir)"/events/*.jsonl | grep -c '"type":"run_completed"')" 64
	rkat-session check
}

@test "64 runs with a tool round each, in one realm, at once" {
	sim_script '{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"id":"a","name":"datetime","args":{}},{"id":"b","name":"datetime","args":{}}]}}' \
	    '{"reply":{"text":"done"}}'
	crowd 64 rkat run -t safe "number {}!"
	same "$(statuses)" "0x64 "
	no_lock_words
	same "$(cat "$T"/crowd/*.out | sort | uniq -c | awk '{ print $1, $2 }')" "64 done"
	rkat-session check
}

@test "two turns on one session: exactly one runs, the other is told at once" {
	sim_script '{"match":{"user":"slow","has_tool_result":false},"reply":{"tool_calls":[{"id":"w","name":"shell","args":{"command":"touch began; while [ ! -e go ]; do sleep 0.02; done"}}]}}' \
	    '{"match":{"user":"slow"},"reply":{"text":"abcdefgh"}}' '{"reply":{"text":"fine"}}'
	rkat run -t full --sandbox off first >/dev/null 2>&1
	id=$(db 'SELECT id FROM sessions')
	rkat resume "$id" slow >"$T/out" 2>"$T/err" </dev/null 3>&- &
	slow=$!
	wait_for test -e began
	start=$(date +%s%N)
	run rkat resume "$id" xyzzy </dev/null
	took=$((($(date +%s%N) - start) / 1000000))
	same "$status" 11
	has "$output" "SESSION_BUSY"
	[ "$took" -lt "$(within 500)" ]
	run rkat resume --json "$id" xyzzy </dev/null
	same "$status" 11
	same "$(jq -r .error.code <<<"$output")" SESSION_BUSY
	touch go
	wait "$slow"
	same "$(cat "$T/out")" abcdefgh
	# Nothing of the refused prompts is anywhere; the server was not asked.
	same "$(db "SELECT count(*) FROM messages WHERE body LIKE '%xyzzy%'")" 0
	same "$(db "SELECT count(*) FROM inputs WHERE body LIKE '%xyzzy%'")" 0
	same "$(wc -l <"$T/sim.log")" 3
}

@test "a crowd on one session: one at a time, each run or refused, nothing in between" {
	sim_script '{"reply":{"text":"zdonez","first_delay_ms":100}}'
	rkat run first >/dev/null 2>&1
	id=$(db 'SELECT id FROM sessions')
	crowd 16 rkat resume "$id" "number {}!"
	ok=$(cat "$T"/crowd/*.status | grep -cx 0)
	busy=$(cat "$T"/crowd/*.status | grep -cx 11)
	same "$((ok + busy))" 16
	[ "$ok" -ge 1 ]
	same "$(db "SELECT count(*) FROM messages WHERE session = '$id' AND body LIKE '%number%'")" "$ok"
	same "$(db "SELECT count(*) FROM messages WHERE session = '$id' AND body LIKE '%zdonez%'")" "$((ok + 1))"
	same "$(wc -l <"$T/sim.log")" "$((ok + 1))"
	rkat-session check
}

@test "prompts queued by a crowd are each answered once, while two drain" {
	sim echo
	id=$(rkat-session create)
	crowd 32 rkat-session input "$id" "number {}!"
	same "$(statuses)" "0x32 "
	rm -r "$T/crowd"
	crowd 2 rkat-turn --drain "$id"
	rkat-turn --drain "$id" >/dev/null 2>&1 || true
	for i in $(seq 32); do
		same "$(db "SELECT count(*) FROM messages WHERE session = '$id' AND json_extract(body, '\$.role') = 'user' AND body LIKE '%number $i!%'")" 1
	done
	same "$(db "SELECT count(*) FROM inputs WHERE state != 'consumed'")" 0
}

@test "a crowd of writers of the configuration: every change that was accepted is there" {
	rkat-config set --json '{}' >/dev/null
	crowd 16 rkat-config patch --json '{"self_hosted":{"servers":{"s{}":{"base_url":"http://127.0.0.1:{}"}}}}'
	same "$(statuses)" "0x16 "
	no_lock_words
	for i in $(seq 16); do
		same "$(rkat-config get "self_hosted.servers.s$i.base_url")" "http://127.0.0.1:$i"
	done
}

@test "two writers with the same expected generation: one wins, the other is told" {
	rkat-config set --json '{}' >/dev/null
	g=$(rkat-config get --format json --with-generation | jq .generation)
	crowd 8 rkat-config patch --expected-generation "$g" --json '{"agent":{"max_turns":{}}}'
	same "$(statuses)" "0x1 1x7 "
	has "$(cat "$T"/crowd/*.err)" "CONFLICT"
	winner=$(grep -lx 0 "$T"/crowd/*.status)
	same "$(rkat-config get agent.max_turns)" "$(basename "$winner" .status)"
}

@test "a realm that is made by 16 at once is made once" {
	crowd 16 rkat-session create
	same "$(statuses)" "0x16 "
	no_lock_words
	same "$(cat "$T"/crowd/*.out | sort -u | wc -l)" 16
	same "$(db 'SELECT count(*) FROM sessions')" 16
}
