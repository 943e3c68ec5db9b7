# Ctrl-C in every phase of a turn: over at once, one terminal event that says so, a
# transcript that the next turn can go on from, and no child left.
load helper

local_setup() { mkdir -p "$HOME/.rkat"; }
config() { printf '%s\n' "$@" >"$HOME/.rkat/config.toml"; }
types() { cat "$(realm_dir)"/events/*.jsonl | jq -r .payload.type | grep -v _delta | tr '\n' ' '; }

# said EVENT N: it is in the log, N times at least.
said() { [ "$(cat "$(realm_dir)"/events/*.jsonl | grep -c "\"$1\"")" -ge "$2" ]; }

# start ARGS...: a turn in its own process group, as a shell would start it.
start() {
	set -m
	rkat-turn run -m claude-sonnet-4-5 -t full --sandbox off "$@" "go" </dev/null >"$T/out" 2>"$T/err" 3>&- 9>&- &
	pid=$!
	set +m
}
# stop EVENT [FILE [ERROR [N]]]: Ctrl-C once that event is said and FILE is there; then
# what must hold whatever it was.
stop() {
	local began took rc=0
	wait_for said "$1" "${4-1}"
	[ -z "${2-}" ] || wait_for test -e "$2"
	began=$(date +%s%N)
	kill -INT "$pid"
	wait "$pid" || rc=$?
	took=$((($(date +%s%N) - began) / 1000000))
	same "$rc" 130
	# 100 ms, and some for the process's end
	[ "$took" -lt "$(within 400)" ] || { echo "took $took ms" >&2; return 1; }
	same "$(cat "$(realm_dir)"/events/*.jsonl | jq -r '.payload | select(.type=="run_completed" or .type=="run_failed") | .error')" "${3-Run was cancelled}"
	lacks "$(cat "$T/out")" "Session"
	config '[retry]' 'max_retries = 0'
	sim_script '{"reply":{"text":"\"fine\""}}'
	run rkat-turn resume last "next" </dev/null
	same "$status" 0
}
# hook POINT: a guardrail there that hangs and cannot be asked to stop.
hook() {
	config '[[hooks.entries]]' 'id = "h"' "point = \"$1\"" 'capability = "guardrail"' 'timeout_ms = 60000' \
	    '[hooks.entries.runtime]' 'type = "command"' 'command = "sh"' \
	    "args = [\"-c\", \"trap '' TERM INT; touch $T/asked; sleep 60; sleep 60\"]"
}
TOOL='{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"name":"shell","args":{"command":"echo sesame"}}]}}'

@test "before the first byte" {
	sim_script '{"reply":{"delay_ms":20000,"text":"late"}}'
	start
	stop turn_started
}

@test "behind the headers" {
	sim_script '{"reply":{"first_delay_ms":20000,"text":"late"}}'
	start
	stop turn_started
}

@test "in the middle of the answer: nothing of it is kept" {
	sim_script '{"reply":{"text":"abcdefghij","chunk":1,"chunk_delay_ms":500}}'
	start
	stop text_delta
	same "$(db "SELECT count(*) FROM messages WHERE body LIKE '%abc%'")" 0
}

@test "while a tool runs that does not listen: its call gets a result that says so" {
	sim_script '{"reply":{"tool_calls":[{"name":"shell","args":{"command":"trap \"\" TERM INT; touch began; sleep 60; sleep 60"}}]}}'
	start
	stop tool_execution_started began
	has "$(db 'SELECT body FROM messages')" "the run was cancelled; its effects are unknown"
}

@test "between two attempts" {
	config '[retry]' 'initial_delay = "30s"'
	sim_script '{"reply":{"status":500}}'
	start
	stop retrying
}

@test "while the answer is asked for once more as JSON" {
	sim_script '{"match":{"turn":0},"reply":{"text":"a"}}' '{"reply":{"delay_ms":20000,"text":"late"}}'
	start --schema '{"type":"string"}'
	stop turn_started '' 'Run was cancelled' 2
}

@test "while the history is summed up" {
	config '[compaction]' 'auto_compact_threshold = 100' 'min_turns_between_compactions = 1'
	sim_script '{"match":{"user":"hand-over"},"reply":{"delay_ms":20000,"text":"late"}}' \
	    '{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"name":"datetime","args":{}}],"usage":{"input":5000,"output":1}}}'
	start
	stop compaction_started
}

@test "while a hook looks at the start, the request or the boundary: the run is over" {
	local p
	for p in run_started pre_llm_request turn_boundary run_completed; do
		rm -rf "$T/asked" "$RKAT_STATE_ROOT"
		hook "$p"
		sim_script '{"reply":{"text":"hello"}}'
		start
		stop hook_started "$T/asked"
	done
}

@test "while a guardrail looks at the answer: it is not kept unseen" {
	hook post_llm_response
	sim_script '{"reply":{"text":"sesame"}}'
	start
	stop hook_started "$T/asked"
	same "$(db "SELECT count(*) FROM messages WHERE body LIKE '%sesame%'")" 0
}

@test "while a guardrail looks at a call or a result: not run, and not kept unseen" {
	hook pre_tool_execution
	sim_script "$TOOL" '{"reply":{"text":"hello"}}'
	start
	stop hook_started "$T/asked"
	lacks "$(types | sed 's/run_started.*run_started//')" tool_execution_started
	rm -rf "$T/asked" "$RKAT_STATE_ROOT"
	hook post_tool_execution
	sim_script "$TOOL" '{"reply":{"text":"hello"}}'
	start
	stop hook_started "$T/asked"
	same "$(db "SELECT count(*) FROM messages WHERE body LIKE '%\"tool_results\"%sesame%'")" 0
	has "$(db 'SELECT body FROM messages')" hook_denied
}

@test "while a hook looks at a failure: the failure stays what it was" {
	hook run_failed
	sim_script '{"reply":{"status":400,"error":{"message":"no such thing"}}}'
	start
	stop hook_started "$T/asked" 'LLM error (anthropic): Invalid request: no such thing'
}
