load helper

# Many at once, in sizes for every day; `make soak` has the full ones (t/soak).
local_setup() {
	export T
	PATH=$B/bin:$PATH	# unrecorded
}
stress() {
	sim_script '{"match":{"user":"much"},"reply":{"repeat":{"text":"0123456789abcdef","times":60000},"chunk":4096}}' \
	    '{"match":{"user":"some"},"reply":{"repeat":{"text":"0123456789abcdef","times":100},"chunk":16,"chunk_delay_ms":2}}' '{"reply":{"text":"fine"}}'
	python3 "$BATS_TEST_DIRNAME/stress/stress.py" "$@" >"$T/said" || { cat "$T/said" >&2; return 1; }
	sed 's/^/# /' "$T/said" >&3
}
# Nothing of this test's is left but the stand-in model.
nobody() { ! pgrep -f "rkat-(turn|serve|rpc).*$RKAT_STATE_ROOT"; }

@test "stress: readers get every event once while others stall, and only those are cut off" {
	stress fanout "${STRESS_SESSIONS:-40}" 4
	wait_for nobody
}

@test "stress: killed with SIGKILL in the midst: nothing accepted is lost, nothing runs twice, readers resume" {
	stress kill "${STRESS_KILLED:-6}" "${STRESS_KILLS:-5}"
	wait_for nobody
}

workers() { pgrep -cf "^[^ ]*rkat-turn --worker.*$RKAT_STATE_ROOT"; }
busy() { [ "$(grep -c slow "$T/sim.log")" -ge "$1" ]; }
slow_turns() {
	sim_script '{"match":{"user":"slow"},"reply":{"text":"ab","chunk":1,"chunk_delay_ms":60000}}' '{"reply":{"text":"fine"}}'
}
ask_slow() {
	local n
	for n in $(seq 1 "$1"); do
		printf '{"jsonrpc":"2.0","id":%d,"method":"session/create","params":{"prompt":"slow"}}\n' "$n"
	done
}

@test "stress: the end of the input with turns under way: all are answered, exit 0 within 5 s" {
	slow_turns
	{ ask_slow 6; wait_for busy 6; date +%s%N >"$T/eof"; } | {
		rkat-rpc >"$T/out" 2>"$T/err" 3>&-
		echo $? >"$T/status"
		date +%s%N >"$T/end"
	}
	same "$(cat "$T/status")" 0
	[ $((($(cat "$T/end") - $(cat "$T/eof")) / 1000000)) -lt "$(within 5000)" ]
	same "$(jq -c 'select(.method == null) | .error.code' "$T/out" | sort | uniq -c | tr -s ' ')" ' 6 -32005'
	wait_for nobody
}

@test "stress: SIGTERM and SIGKILL with turns under way leave no worker and no zombie" {
	slow_turns
	for sig in TERM KILL; do
		: >"$T/sim.log"
		mkfifo "$T/in"
		rkat-rpc <"$T/in" >"$T/out" 2>"$T/err" 3>&- &
		R=$!
		exec 9>"$T/in"
		ask_slow 6 >&9
		wait_for busy 6
		[ "$(workers)" -ge 6 ]
		kill -$sig "$R"
		S=0
		wait "$R" || S=$?
		same "$sig $S" "$sig $([ $sig = TERM ] && echo 0 || echo 137)"
		wait_for nobody
		[ $sig = KILL ] || same "$(jq -c 'select(.method == null) | .error.code' "$T/out" | sort | uniq -c | tr -s ' ')" ' 6 -32005'
		exec 9>&-
		rm "$T/in"
	done
}
