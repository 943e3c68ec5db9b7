# No descendant is left 2 s after any exit, whatever a tool has started.
load helper

local_setup() {
	command -v rkat-turn >/dev/null || skip "rkat-turn is not built"
	# A number that no other process of this machine has among its arguments.
	MARK=$((100000 + RANDOM)).$BATS_TEST_NUMBER$((BASHPID % 100000))
}
local_teardown() { pkill -KILL -f "sleep $MARK" || true; }

# tool COMMAND [EXTRA]: the model asks for this shell command, then ends; "fail" in the prompt: it fails instead.
tool() {
	jq -cn --arg c "$1" --argjson extra "${2:-{\}}" \
	    '{match:{has_tool_result:false},reply:{tool_calls:[{id:"c1",name:"shell",args:({command:$c} + $extra)}]}}' >"$T/script.jsonl"
	printf '%s\n' '{"match":{"user":"fail"},"reply":{"status":400}}' \
	    '{"match":{"user":"wait"},"reply":{"text":"x","delay_ms":60000}}' '{"reply":{"text":"done"}}' >>"$T/script.jsonl"
	sim script "$T/script.jsonl"
}

started() { pgrep -fx "sleep $MARK"; }	# itself, behind the traps of its shell
gone() { ! pgrep -f "sleep $MARK" >/dev/null; }

# gone_soon: nothing of it is left within 2 s.
gone_soon() {
	local end=$(($(date +%s%N) / 1000000 + $(within 2000)))
	until gone; do
		[ $(($(date +%s%N) / 1000000)) -lt "$end" ] || { echo "left behind:" >&2; pgrep -af "sleep $MARK" >&2; return 1; }
		sleep 0.02
	done
}

# ended SIGNAL WANT [ARGS...]: a run is signalled while its tool runs.
ended() {
	local sig=$1 want=$2 s=0
	shift 2
	rkat run -t full "$@" "wait for it" >"$T/out" 2>"$T/err" </dev/null 3>&- &
	wait_for started
	kill "-$sig" $!
	wait $! || s=$?
	gone_soon
	same "$s" "$want"
}
each_signal() {
	ended TERM 143 "$@"
	ended HUP 143 "$@"
	ended INT 130 "$@"
	ended KILL 137 "$@"
}

# one_end N: each of N runs that ended said so once (SIGKILL cannot).
one_end() {
	same "$(cat "$(realm_dir)"/events/*.jsonl | grep -c '"type":"run_failed"\|"type":"run_completed"')" "$1"
}

@test "a tool that ignores SIGTERM" {
	tool "trap '' TERM INT HUP; sleep $MARK; sleep $MARK"
	each_signal --sandbox off
	each_signal
	one_end 6
}

@test "a tool that starts a session of its own" {
	tool "setsid sleep $MARK & sleep $MARK"
	each_signal --sandbox off
	each_signal
}

@test "a tool that forks twice, away from its group, and ends" {
	tool "(setsid sh -c 'trap \"\" TERM HUP; sleep $MARK' >/dev/null 2>&1 &) ; sleep 0.1"
	each_signal --sandbox off
	run rkat run -t full --sandbox off "and end"
	same "$status" 0
	gone_soon
}

@test "what a tool leaves in the background holds its pipe, or does not: the turn goes on, nothing is left" {
	tool "sleep $MARK & echo started"
	for box in off workspace; do
		run timeout 30 rkat run -t full --sandbox $box "go"
		same "$status" 0
		gone_soon
	done
	sim_stop
	tool "setsid sleep $MARK >/dev/null 2>&1 </dev/null & echo started"
	run timeout 30 rkat run -t full --sandbox off "go"
	same "$status" 0
	gone_soon
}

@test "a background job: ends with its process, however that ends" {
	tool "trap '' TERM; sleep $MARK; sleep $MARK" '{"background":true}'
	each_signal --sandbox off
	ended KILL 137
	run timeout 30 rkat run -t full "go"
	same "$status" 0
	gone_soon
	run timeout 30 rkat run -t full "fail"
	same "$status" 20
	gone_soon
}

@test "a tool that runs over its time" {
	tool "trap '' TERM; sleep $MARK; sleep $MARK" '{"timeout_secs":1}'
	run timeout 30 rkat run -t full "go"
	same "$status" 0
	gone_soon
}

@test "a turn that runs over its time" {
	tool "trap '' TERM; sleep $MARK; sleep $MARK"
	run timeout 30 rkat run -t full -d 1s "go"
	same "$status" 21
	gone_soon
}

@test "an interrupt from elsewhere" {
	tool "trap '' TERM INT; sleep $MARK; sleep $MARK"
	rkat run -t full "wait" >"$T/out" 2>"$T/err" </dev/null 3>&- &
	wait_for started
	rkat sessions interrupt last
	s=0; wait $! || s=$?
	same "$s" 14
	gone_soon
	one_end 1
}

@test "a second Ctrl-C" {
	tool "trap '' TERM INT; sleep $MARK; sleep $MARK"
	rkat run -t full "wait" >"$T/out" 2>"$T/err" </dev/null 3>&- &
	wait_for started
	kill -INT $!
	kill -INT $! 2>/dev/null || true
	s=0; wait $! || s=$?
	same "$s" 130
	gone_soon
}

@test "a terminal that hangs up" {
	tool "trap '' TERM HUP; sleep $MARK; sleep $MARK"
	script -qec "rkat run -t full wait" /dev/null >/dev/null 2>&1 </dev/null 3>&- &
	term=$!
	wait_for started
	kill -KILL "$term"
	wait "$term" || true
	gone_soon
	wait_for sh -c "grep -q run_failed '$(realm_dir)'/events/*.jsonl"
}

@test "a worker: its input ends, or it is killed" {
	tool "trap '' TERM; sleep $MARK; sleep $MARK"
	id=$(rkat-session create -t full)
	for how in eof KILL TERM; do
		mkfifo "in.$how"
		rkat-turn --worker <"in.$how" >"$T/out" 2>"$T/err" 3>&- &
		worker=$!
		exec 8>"in.$how"
		printf '{"op":"run","id":"r1","session":"%s","prompt":"wait"}\n' "$id" >&8
		wait_for started
		[ "$how" = eof ] || kill "-$how" "$worker"
		exec 8>&-
		[ "$how" != eof ] || kill -TERM "$worker"
		wait "$worker" || true
		gone_soon
	done
}

@test "a hook's command with children" {
	tool "true"
	mkdir -p "$HOME/.rkat"
	cat >"$HOME/.rkat/config.toml" <<-EOF
	[[hooks.entries]]
	id = "h"
	point = "pre_llm_request"
	timeout_ms = 30000
	[hooks.entries.runtime]
	type = "command"
	command = "sh"
	args = ["-c", "trap '' TERM; setsid sleep $MARK & sleep $MARK; sleep $MARK"]
	EOF
	each_signal
}
