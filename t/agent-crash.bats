# Crash rehearsal (design rule 14): a turn dies at every durable step, before and after;
# whatever instruction that was, the next turn finds everything and doubles nothing.
load helper

TOOLS='{"match":{"has_tool_result":false},"reply":{"text":"on it","tool_calls":[{"id":"a","name":"shell","args":{"command":"echo one >>lines"}},{"id":"b","name":"shell","args":{"command":"echo two >>lines"}}]}}'

local_setup() {
	command -v rkat-turn >/dev/null || skip "rkat-turn is not built"
	(unset MAKEFLAGS MAKELEVEL; cd "$BATS_TEST_DIRNAME/.." &&
	    make -s B="$B/crash" CFLAGS='-O1 -g -DRKAT_CRASH_POINTS' LDFLAGS= "$B/crash/bin/rkat-turn" 3>&-)
	mkdir -p "$HOME/.rkat"
	printf '%s\n' '[agent]' 'model = "claude-sonnet-4-5"' '[tools]' 'builtins_enabled = true' \
	    'shell_enabled = true' '[shell]' 'sandbox = "off"' >"$HOME/.rkat/config.toml"
	sim_script '{"match":{"user":"next"},"reply":{"text":"{\"seen\":1}"}}' '{"match":{"user":"hand-over"},"reply":{"text":"SUMMARY"}}' \
	    '{"match":{"user":"JSON"},"reply":{"text":"{\"final\":1}"}}' "$TOOLS" '{"reply":{"text":"final"}}'
}

# die_at POINT ARGS...: true if the turn died there.
die_at() {
	local point=$1 rc=0
	shift
	RKAT_CRASH=$point "$B/crash/bin/rkat-turn" "$@" >"$T/said" 2>&1 </dev/null || rc=$?
	[ "$rc" -eq 137 ]
}

fresh() {
	rm -f lines
	: >lines
	S=$(rkat-session create)
}

fresh_schema() {
	rm -f lines
	: >lines
	S=$(rkat-session create --schema '{"type":"object"}')
}

# queue TEXT MODE
queue() { rkat-session input --mode "$2" "$S" "$1" >/dev/null; }

# sound WHERE: each call has its result, each run one end, nothing is pending or doubled.
sound() {
	local where=$1
	db "SELECT body FROM messages WHERE session = '$S' ORDER BY idx" >"$T/messages"
	jq -se '[.[] | select(.role == "block_assistant") | .blocks[] | select(.block_type == "tool_use").data.id] ==
	    [.[] | select(.role == "tool_results") | .results[].tool_use_id]' "$T/messages" >/dev/null || { echo "$where: results"; return 1; }
	same "$where $(jq -r 'select(.role == "user").content' "$T/messages" | sort | uniq -d)" "$where "
	same "$where $(sort lines | uniq -d)" "$where "
	same "$where $(jq -r '.payload.type | select(startswith("run_"))' "$(realm_dir)/events/$S.jsonl" |
	    awk 'NR % 2 ? $1 != "run_started" : $1 == "run_started" { print NR, $1 } END { if (NR % 2) print "open" }')" "$where "
	same "$where $(jq .seq "$(realm_dir)/events/$S.jsonl" | awk '$1 != NR')" "$where "
	same "$where $(db "SELECT count(*) FROM runs WHERE session = '$S' AND state = 'running'")" "$where 0"
	same "$where $(db "SELECT count(*) FROM inputs WHERE session = '$S' AND state IN ('queued', 'applied')")" "$where 0"
	same "$where $(db "SELECT count(*) FROM calls WHERE session = '$S'")" "$where 0"
	same "$where $(db 'PRAGMA integrity_check')" "$where ok"
}

@test "a prompt: killed at any point, the next prompt goes on" {
	for point in tool.finish.before tool.finish.after tool.finish.before:2 tool.finish.after:2 run.told.after; do
		fresh
		die_at "$point" "$S" "go" || { echo "$point: lived"; return 1; }
		rkat-turn "$S" "next" </dev/null >/dev/null
		sound "$point"
	done
	n=1
	while fresh; die_at "commit.before:$n" "$S" "go"; do
		rkat-turn "$S" "next" </dev/null >/dev/null
		sound "before $n"
		fresh
		die_at "commit.after:$n" "$S" "go"
		rkat-turn "$S" "next" </dev/null >/dev/null
		sound "after $n"
		n=$((n + 1))
	done
	[ "$n" -gt 6 ]	# admit, response, two results, results, response, end
}

@test "a queued prompt: killed at any point, the next drain answers it" {
	n=1
	while
		fresh; queue go queue; queue more steer
		die_at "commit.before:$n" --drain "$S"
	do
		rkat-turn --drain "$S" </dev/null >/dev/null
		sound "before $n"
		same "$(db "SELECT group_concat(DISTINCT state) FROM inputs WHERE session = '$S'")" consumed
		has "$(tail -1 "$T/messages")" final
		n=$((n + 1))
	done
	[ "$n" -gt 6 ]
}

@test "a queued prompt: dozens of deaths cost it nothing, for ever it is not tried" {
	fresh; queue go queue
	die_at commit.after:1 --drain "$S"
	for n in 1 2 3 4 5 6; do
		die_at commit.after:1 --drain "$S"
		same "$(db "SELECT state, deaths, attempts FROM runs")" "running|$n|0"
	done
	# An answer of the model is progress: the count begins anew.
	die_at commit.after:2 --drain "$S"
	same "$(db "SELECT state, deaths, attempts FROM runs")" "running|0|0"
	db "UPDATE runs SET deaths = 49"
	die_at commit.after:2 --drain "$S"	# the results of the tools, then it takes it up
	same "$(db "SELECT state, deaths FROM runs")" "running|50"
	rkat-turn --drain "$S" </dev/null >/dev/null
	same "$(db "SELECT state, recoveries FROM inputs")" "abandoned|8"
	same "$(db "SELECT group_concat(state) FROM runs")" interrupted
}

@test "killed again while it recovers: still nothing is lost or doubled" {
	n=1
	while
		fresh; queue go queue
		die_at tool.finish.after "$S" "direct" || { echo "lived"; return 1; }
		die_at "commit.before:$n" "$S" "second"
	do
		rkat-turn "$S" "next" </dev/null >/dev/null
		rkat-turn --drain "$S" </dev/null >/dev/null
		sound "twice $n"
		n=$((n + 1))
	done
	[ "$n" -gt 6 ]
}

@test "structured output and compaction: killed at any point, the session goes on" {
	printf '%s\n' '[compaction]' 'auto_compact_threshold = 100' 'recent_turn_budget = 1' \
	    'min_turns_between_compactions = 1' >>"$HOME/.rkat/config.toml"
	n=1
	while
		fresh
		rkat-turn "$S" "next" </dev/null >/dev/null
		die_at "commit.after:$n" --schema '{"type":"object"}' "$S" "go"
	do
		rkat-turn "$S" "what is next" </dev/null >/dev/null
		db "SELECT body FROM messages WHERE session = '$S' ORDER BY idx" >"$T/messages"
		same "$n $(db "SELECT count(*) FROM runs WHERE session = '$S' AND state = 'running'")" "$n 0"
		same "$n $(sort lines | uniq -d)" "$n "
		n=$((n + 1))
	done
	[ "$n" -gt 6 ]
}

@test "a queued prompt with a schema: killed at any point, the next drain goes on behind what is there" {
	for when in before after; do
		n=1
		while
			fresh_schema; queue go queue
			die_at "commit.$when:$n" --drain "$S"
		do
			rkat-turn --drain "$S" </dev/null >/dev/null
			sound "$when $n"
			same "$when $n $(db "SELECT state FROM inputs WHERE session = '$S'")" "$when $n consumed"
			same "$when $n $(jq -r 'select(.payload.type == "run_completed").payload.result' "$(realm_dir)/events/$S.jsonl")" "$when $n {\"final\":1}"
			same "$when $n $(jq -r 'if .role == "user" then .content else .blocks[0].data.text // "" end | .[:20]' "$T/messages" | paste -sd '|')" \
			    "$when $n |go|on it||final|Give your final outp|{\"final\":1}"
			n=$((n + 1))
		done
		[ "$n" -gt 8 ]	# admit, response, two results, results, response, question, JSON, end
	done
}

@test "structured output that never fits: deaths on the way do not buy it more attempts" {
	sim_script '{"match":{"user":"valid"},"reply":{"text":"no"}}' '{"reply":{"text":"final"}}'
	n=1
	while
		fresh_schema; queue go queue
		die_at "commit.after:$n" --drain "$S"
	do
		rkat-turn --drain "$S" </dev/null >/dev/null 2>&1 || [ $? -eq 30 ]
		sound "$n"
		same "$n $(db "SELECT state, asked FROM runs WHERE session = '$S'")" "$n failed|2"
		same "$n $(db "SELECT state FROM inputs WHERE session = '$S'")" "$n abandoned"
		same "$n $(grep -c '"role":"user"' "$T/messages")" "$n 3"
		n=$((n + 1))
	done
	[ "$n" -gt 6 ]	# admit, response, question, JSON, question, JSON, end
}

@test "a run whose JSON is there is completed, whoever waited for it" {
	fresh_schema
	sim_script '{"match":{"user":"JSON"},"reply":{"text":"{\"final\":1}"}}' '{"reply":{"text":"final"}}'
	die_at commit.after:2 "$S" "go"	# the answer: nobody waits for its JSON any more
	rkat-turn --drain "$S" </dev/null >/dev/null
	same "$(db "SELECT group_concat(state) FROM runs")" interrupted
	die_at commit.after:4 "$S" "next"
	rkat-turn --drain "$S" </dev/null >/dev/null
	same "$(db "SELECT group_concat(state) FROM runs")" interrupted,completed
	sound "JSON"
	same "$(tail -n 1 "$(realm_dir)/events/$S.jsonl" | jq -r .payload.result)" '{"final":1}'
}
