load helper

# One session each time, from a sim that echoes.
said() { jq -r "select(.format != \"models\") | .body.messages[-1].content |
    if type == \"array\" then map(.text) | join(\"\") else . end" "$T/sim.log" | tail -n +"${1:-1}"; }
nothing_made() { [ ! -e "$RKAT_STATE_ROOT" ]; }
sessions() { db 'SELECT count(*) FROM sessions'; }

# in_terminal COMMAND: with all three descriptors on a terminal of its own.
in_terminal() { script -qec "$1" /dev/null </dev/null | tr -d '\r'; }

gone() { ! pgrep -f "$1"; }
NAP=$((100000 + RANDOM)).$$	# seconds that no other process of this machine sleeps

# ---- run ----

@test "run: the answer goes to stdout, the footer to stderr" {
	sim echo
	rkat run "hello" >"$T/out" 2>"$T/err"
	same "$(cat "$T/out")" "You said: hello"
	id=$(db 'SELECT id FROM sessions')
	same "$(grep -c . "$T/err")" 1
	has "$(cat "$T/err")" "[Session: ${id:0:8} | Turns: 1 | Tokens: "
}

@test "run: a bare prompt is a run, flags may stand before and behind it" {
	sim echo
	same "$(rkat "hello there" 2>/dev/null)" "You said: hello there"
	same "$(rkat --json "hi" | jq -r .text)" "You said: hi"
	same "$(rkat "hi" --json | jq -r .text)" "You said: hi"
	same "$(rkat run -- -x 2>/dev/null)" "You said: -x"
}

@test "run --json: nine keys in alphabetical order, two-space indent, nothing on stderr" {
	sim echo
	rkat run --json "hi" >"$T/out" 2>"$T/err"
	[ ! -s "$T/err" ]
	same "$(jq -c keys_unsorted "$T/out")" '["schema_warnings","session_id","session_ref","skill_diagnostics","structured_output","text","tool_calls","turns","usage"]'
	same "$(jq -c '.usage|keys_unsorted' "$T/out")" '["input_tokens","output_tokens"]'
	same "$(sed -n 1,2p "$T/out")" "$(printf '{\n  "schema_warnings": null,')"
	same "$(jq -r .session_ref "$T/out")" "test:$(jq -r .session_id "$T/out")"
	same "$(rkat run -o JSON hi | jq -r .text)" "You said: hi"
	same "$(rkat run --output=text hi 2>/dev/null)" "You said: hi"
}

@test "run: system prompt, instructions, labels and parameters arrive where they belong" {
	sim echo
	rkat run --system "Be brief." --instructions "Rule one." --label team=a --label tier=b \
	    --max-tokens 77 --app-context '{"n":9007199254740993}' --json hi >/dev/null
	has "$(jq -c .body.system "$T/sim.log")" "Be brief."
	has "$(jq -c .body.system "$T/sim.log")" "Rule one."
	same "$(jq .body.max_tokens "$T/sim.log")" 77
	same "$(db 'SELECT labels FROM sessions')" '{"team":"a","tier":"b"}'
	has "$(db 'SELECT build FROM sessions')" '"app_context":{"n":9007199254740993}'
}

@test "run --label: the last of a key counts, what is behind the first = is its value" {
	sim echo
	rkat run --label a=1 --label b=x=y --label a=2 hi </dev/null 2>/dev/null
	same "$(db 'SELECT labels FROM sessions')" '{"a":"2","b":"x=y"}'
}

@test "run --param overrides --params-json, always with strings" {
	sim echo
	rkat run --params-json '{"top_k":5,"thinking_budget":2000}' --param top_k=7 --param top_k=9 hi >/dev/null 2>&1
	same "$(db "SELECT json_extract(meta, '\$.provider_params') FROM sessions")" '{"thinking_budget":2000,"top_k":"9"}'
}

@test "run: the tool presets are explicit choices of the session" {
	sim echo
	for t in safe workspace full none; do
		rkat run -t $t hi >/dev/null 2>&1
	done
	rkat run --yolo hi >/dev/null 2>&1
	same "$(db "SELECT group_concat(json_extract(meta, '\$.tooling.builtins') || ' ' || json_extract(meta, '\$.tooling.shell') || ' ' || json_extract(meta, '\$.tooling.memory'), '; ') FROM (SELECT meta FROM sessions ORDER BY id)")" \
	    "enable disable disable; enable enable disable; enable enable enable; disable disable disable; enable enable enable"
}

@test "run --allow-tool and --block-tool: this turn only" {
	sim echo
	rkat run --allow-tool datetime hi >/dev/null 2>&1
	same "$(jq -c '[.body.tools[] | select(.input_schema) | .name]' "$T/sim.log")" '["datetime"]'
	rkat c --block-tool datetime hi >/dev/null 2>&1
	lacks "$(jq -c '[.body.tools[].name]' "$T/sim.log" | tail -1)" datetime
	rkat c hi >/dev/null 2>&1
	has "$(jq -c '[.body.tools[].name]' "$T/sim.log" | tail -1)" datetime
}

@test "run --schema: an answer that fits, from a file or inline" {
	sim_script '{"match":{"nth":1},"reply":{"text":"seven"}}' \
	    '{"reply":{"text":"{\"n\":9007199254740993}"}}'
	echo '{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}' >s.json
	rkat run --json --schema s.json "how many" >"$T/out"
	has "$(tr -d ' \n' <"$T/out")" '"structured_output":{"n":9007199254740993}'
	rkat run --json --schema "$(cat s.json)" "how many" >"$T/out"
	has "$(tr -d ' \n' <"$T/out")" '"structured_output":{"n":9007199254740993}'
}

@test "run --schema: what Gemini may ignore is told behind the footer, and under --json" {
	sim_script '{"match":{"turn":0},"reply":{"text":"x"}}' '{"reply":{"text":"{\"answer\":{\"n\":\"abc\"}}"}}'
	local schema='{"name":"answer","schema":{"type":"object","properties":{"n":{"type":"string","pattern":"^a"}},"required":["n"]}}'
	rkat run -m gemini-3-flash-preview --schema "$schema" go </dev/null >out 2>err
	same "$(cat out)" '{"answer":{"n":"abc"}}'
	same "$(tail -n 3 err)" "
[Schema warnings]
- Gemini /properties/n/pattern: Keyword 'pattern' may be ignored by Gemini responseJsonSchema"
	run rkat run -m gemini-3-flash-preview --json --schema "$schema" go </dev/null
	same "$(jq -c '[.structured_output, .schema_warnings[0].path]' <<<"$output")" '[{"n":"abc"},"/properties/n/pattern"]'
	run rkat run -m gemini-3-flash-preview --schema "${schema/\{/\{\"compat\":\"strict\",}" go </dev/null
	same "$status" 30
	has "$output" "Invalid output schema: /properties/n/pattern: Keyword 'pattern' may be ignored"
}

@test "run --schema: a bad one is named once and nothing is made" {
	local s
	for s in '{"type":"nope"}' '{"$ref":"http://x/y"}' '{"schema":{},"strict":1}' '{"a":'; do
		run rkat run --schema "$s" go </dev/null
		same "$status" 2
		same "$(grep -o 'Invalid output schema' <<<"$output" | wc -l)" 1
	done
	[ ! -e "$RKAT_STATE_ROOT" ]
}

@test "run: a limit that ends it early with success is told to people" {
	sim_script '{"reply":{"text":"more","tool_calls":[{"name":"datetime","args":{}}]}}'
	run rkat run --max-tool-calls 2 go </dev/null
	same "$status" 0
	has "$output" "[Stopped: the budget is used up]"
	sim_script '{"reply":{"text":"cut off in the mid","stop":"max_tokens"}}'
	run rkat run go </dev/null
	same "$status" 0
	has "$output" "[Stopped: the answer was cut at the limit of its tokens]"
}

@test "run -d: a time budget that is used up is exit 21, the session is kept" {
	sim_script '{"reply":{"text":"slow answer","chunk":1,"chunk_delay_ms":300}}'
	run rkat run -d 400ms hi
	[ "$status" -eq 21 ]
	has "$output" "BUDGET_EXHAUSTED"
	same "$(sessions)" 1
}

# ---- resume and continue ----

@test "resume: by id, prefix, last, ~2; continue; the session remembers" {
	sim echo
	a=$(rkat run --json one | jq -r .session_id)
	b=$(rkat run --json two | jq -r .session_id)
	rkat resume last three >/dev/null 2>&1
	same "$(said | tail -1)" three
	same "$(rkat resume --json "$a" four | jq -r .session_id)" "$a"
	same "$(rkat resume --json '~2' five | jq -r .session_id)" "$b"
	same "$(rkat resume --json "${a:0:35}" six 2>/dev/null | jq -r .session_id)" "$a" || same "${a:0:35}" "${b:0:35}"
	same "$(rkat continue --json seven | jq -r .session_id)" "$a"
	same "$(rkat c --json eight | jq -r .session_id)" "$a"
	same "$(jq -c '[.body.messages[] | select(.role == "user")] | length' "$T/sim.log" | tail -1)" 5
}

@test "resume: the footer names the whole session" {
	sim echo
	rkat run one >/dev/null 2>&1
	id=$(db 'SELECT id FROM sessions')
	rkat c two 2>"$T/err" >/dev/null
	has "$(cat "$T/err")" "[Session: $id | Ref: test:$id | Turns: 1 | Tokens: "
}

@test "resume: instructions become notices in front of the prompt" {
	sim echo
	rkat run one >/dev/null 2>&1
	rkat c --instructions "Be kind." two >/dev/null 2>&1
	same "$(said | tail -3)" "$(printf '[SYSTEM NOTICE: Be kind.]\n\ntwo')"
}

@test "resume: another model is kept" {
	sim echo
	rkat run -m claude-sonnet-4-5 one >/dev/null 2>&1
	rkat c -m claude-opus-4-6 two >/dev/null 2>&1
	rkat c three >/dev/null 2>&1
	same "$(jq -r .model "$T/sim.log" | tr '\n' ' ')" "claude-sonnet-4-5 claude-opus-4-6 claude-opus-4-6 "
}

@test "resume: nothing there is SESSION_NOT_FOUND, 10, and makes nothing" {
	run rkat resume last hi
	[ "$status" -eq 10 ]
	has "$output" "rkat: SESSION_NOT_FOUND: No sessions found in this realm"
	nothing_made
	sim echo
	rkat run hi >/dev/null 2>&1
	run rkat resume ffffffff hi
	[ "$status" -eq 10 ]
	run rkat resume '~9' hi
	[ "$status" -ne 0 ]
	same "$(sessions)" 1
}

@test "two turns on one session: one runs, the other is told SESSION_BUSY, 11" {
	sim_script '{"match":{"user":"slow"},"reply":{"text":"abcdef","chunk":1,"chunk_delay_ms":300}}' '{"reply":{"text":"ok"}}'
	rkat run first >/dev/null 2>&1
	rkat c slow >"$T/out" 2>&1 3>&- &
	wait_for grep -q '"nth\|slow' "$T/sim.log"
	run rkat c second
	[ "$status" -eq 11 ]
	has "$output" "SESSION_BUSY"
	wait $!
	has "$(cat "$T/out")" abcdef
}

# ---- standard input ----

@test "stdin: piped text stands in front of the prompt, byte for byte" {
	sim echo
	printf 'a\nb\n' | rkat run "sum" >/dev/null 2>&1
	same "$(jq -r '.body.messages[0].content | if type == "array" then .[0].text else . end' "$T/sim.log")" \
	    "$(printf '<stdin>\na\nb\n</stdin>\n\nsum')"
}

@test "stdin: white space at its ends goes, an empty one leaves the prompt alone" {
	sim echo
	printf ' \n\302\240 x y \342\200\203\n\n' | rkat run "p" >/dev/null 2>&1
	same "$(said)" "$(printf '<stdin>\nx y\n</stdin>\n\np')"
	printf ' \n\t\n' | rkat run "q" >/dev/null 2>&1
	same "$(said | tail -1)" q
	same "$(printf 'ignored' | rkat run --stdin off "r" 2>/dev/null)" "You said: r"
}

@test "stdin: the prompt - is read from it; empty is an error before anything is made" {
	sim echo
	same "$(printf '\n what? \n' | rkat run - 2>/dev/null)" "You said: what?"
	same "$(printf 'again' | rkat - 2>/dev/null)" "You said: again"
	rm -r "$RKAT_STATE_ROOT"
	run rkat run - </dev/null
	[ "$status" -eq 2 ]
	has "$output" "standard input is empty"
	nothing_made
}

@test "stdin: an open pipe that nobody writes to is given 3 s, then the turn goes on and says so" {
	sim echo
	mkfifo idle
	exec 9<>idle
	start=$(date +%s%N)
	rkat run hi <idle >"$T/out" 2>"$T/err" 9>&-
	took=$((($(date +%s%N) - start) / 1000000))
	exec 9>&-
	same "$(cat "$T/out")" "You said: hi"
	has "$(cat "$T/err")" "standard input is open but nothing came"
	[ "$took" -ge 3000 ] && [ "$took" -lt "$(within 6000)" ]
}

@test "stdin: text that is no UTF-8, or more than 10 MiB, is refused and nothing is made" {
	sim echo
	run sh -c 'printf "ok\377" | rkat run hi'
	[ "$status" -eq 2 ]
	has "$output" "not UTF-8 text (byte 2)"
	run sh -c 'head -c 10485761 /dev/zero | tr "\0" x | rkat run hi'
	[ "$status" -eq 2 ]
	has "$output" "more than 10 MiB"
	nothing_made
}

@test "stdin matrix: every kind of it with a prompt in argv answers and does not hang" {
	sim echo
	same "$(rkat run hi </dev/null 2>/dev/null)" "You said: hi"
	same "$(sh -c 'rkat run hi <&- 2>/dev/null')" "You said: hi"
	rkat run hi </ >"$T/out" 2>"$T/err"
	same "$(cat "$T/out")" "You said: hi"
	has "$(cat "$T/err")" "failed to read stdin: Is a directory"
	has "$(head -c 200000 /dev/zero | tr '\0' y | rkat run hi 2>/dev/null)" "yyy"
	has "$(in_terminal "rkat run --no-stream hi")" "You said: hi"
}

@test "stdin matrix: without a prompt it is a usage error, whatever stdin is" {
	for in in /dev/null / "$T/full"; do
		[ -e "$in" ] || echo text >"$in"
		run rkat run <"$in"
		[ "$status" -eq 2 ]
		has "$output" "want a prompt"
	done
	run sh -c 'rkat run <&-'
	[ "$status" -eq 2 ]
	mkfifo idle
	exec 9<>idle
	run rkat run <idle
	exec 9>&-
	[ "$status" -eq 2 ]
	has "$(in_terminal "rkat run")" "want a prompt"
	nothing_made
}

@test "stdin matrix: the prompt - from a directory or a closed descriptor is one clear error" {
	sim echo
	run rkat run - </
	[ "$status" -eq 2 ]
	has "$output" "standard input: Is a directory"
	run sh -c 'rkat run - <&-'
	[ "$status" -eq 2 ]
	nothing_made
}

@test "stdin lines without comms: every line is an event for the session; the process ends with the input" {
	sim_script '{"match":{"user":"EVENT"},"reply":{"text":"noted"}}' '{"reply":{"text":"ready"}}'
	printf 'disk full\n\nall well\n' | rkat run --no-comms --stdin lines "watch" >"$T/out" 2>"$T/err"
	same "$(head -1 "$T/out")" ready
	same "$(tail -1 "$T/out")" noted
	same "$(db "SELECT count(*) FROM inputs WHERE kind = 'external_event' AND source = 'stdin' AND state = 'consumed'")" 2
	has "$(cat "$T/sim.log")" "disk full"
	same "$(db "SELECT body FROM inputs WHERE kind = 'external_event' LIMIT 1")" '{"body":"disk full"}'
}

@test "stdin lines: an older bare --stdin is lines, and the next argument the prompt" {
	sim echo
	printf 'x\n' | rkat run --no-comms --stdin "watch" >"$T/out" 2>&1
	has "$(cat "$T/out")" "You said: watch"
	same "$(db "SELECT count(*) FROM inputs WHERE source = 'stdin'")" 1
}

@test "stdin lines --line-format json: the sheet's examples" {
	sim echo
	printf '%s\n' '{"body":"hi"}' '{"level":"info"}' '{"body":"{\"a\":1}"}' '{"body":"5"}' 5 '"x"' oops '   ' |
	    rkat run --no-comms --stdin lines --line-format json "watch" >/dev/null 2>&1
	same "$(db "SELECT body FROM inputs WHERE source = 'stdin' ORDER BY seq" | tr '\n' ' ')" \
	    '{"body":"hi"} {"body":{"level":"info"}} {"body":{"a":1}} {"body":5} {"body":5} {"body":"x"} {"body":"oops"} '
}

@test "stdin lines: Ctrl-C while it waits is a clean end" {
	sim echo
	mkfifo idle
	exec 9<>idle
	rkat run --no-comms --stdin lines "watch" <idle >"$T/out" 2>"$T/err" 9>&- 3>&- &
	wait_for grep -q "You said" "$T/out"
	kill -INT $!
	s=0; wait $! || s=$?
	exec 9>&-
	[ "$s" -eq 130 ]
	same "$(cat "$T/out")" "You said: watch"
}

# ---- streaming ----

@test "stream: text on stdout as it comes, turns, tools and usage on stderr" {
	sim_script '{"match":{"has_tool_result":false},"reply":{"text":"let me look","tool_calls":[{"id":"c1","name":"datetime","args":{}}]}}' \
	    '{"reply":{"thinking":"hm","text":"it is late"}}'
	rkat run -s "time?" >"$T/out" 2>"$T/err"
	same "$(cat "$T/out")" "$(printf '\nlet me look\nit is late\n')"
	has "$(cat "$T/err")" "tool datetime({})"
	has "$(cat "$T/err")" "  ▸ running datetime..."
	has "$(cat "$T/err")" "✓  datetime ("
	has "$(cat "$T/err")" "━━━ Turn 2 ━━━"
	has "$(cat "$T/err")" "────────"
	lacks "$(cat "$T/err")" "$(printf '\033')"
}

@test "stream: on a terminal it is the default, with styles unless NO_COLOR or TERM=dumb" {
	sim echo
	unset NO_COLOR
	has "$(TERM=xterm in_terminal "rkat run hi")" "$(printf '\033[2m')"
	lacks "$(TERM=dumb in_terminal "rkat run hi")" "$(printf '\033')"
	lacks "$(TERM=xterm NO_COLOR=1 in_terminal "rkat run hi")" "$(printf '\033')"
	lacks "$(TERM=xterm in_terminal "rkat run --no-stream hi")" "total:"
}

@test "stream: views" {
	sim echo
	rkat run -s -w mux hi >"$T/out" 2>"$T/err"
	has "$(cat "$T/out")" "[primary] You said: hi"
	same "$(rkat run -s -w focus -f primary hi 2>/dev/null | tail -1)" "You said: hi"
	run rkat run -s -w focus -f mob:a hi
	[ "$status" -eq 1 ]
	has "$output" "stream focus 'mob:a' did not match any emitted scope (discovered scopes: primary)"
}

@test "stream: wrong combinations of views are named, nothing is made" {
	check() {
		local want=$1
		shift
		run rkat run "$@" hi
		[ "$status" -eq 2 ]
		has "$output" "$want"
	}
	check "--stream-view requires --stream" -w mux
	check "--stream-focus requires --stream and --stream-view focus" -f primary
	check "--stream-focus requires --stream and --stream-view focus" -s -f primary
	check "--stream-focus is only valid with --stream-view focus" -s -w mux -f primary
	check "--stream-focus is required when --stream-view focus is used" -s -w focus
	check "invalid --stream-focus scope 'x y'" -s -w focus -f "x y"
	check "cannot use --stream and --no-stream together" -s --no-stream
	nothing_made
}

@test "verbose: a line per event when not streaming" {
	sim_script '{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"id":"c1","name":"datetime","args":{}}]}}' \
	    '{"reply":{"text":"late"}}'
	rkat run -v hi >"$T/out" 2>"$T/err"
	same "$(cat "$T/out")" late
	has "$(cat "$T/err")" "  → Calling tool: datetime {}"
	has "$(cat "$T/err")" "  💬 Response: late"
	has "$(cat "$T/err")" "  ── Turn complete: EndTurn ("
}

# ---- ends ----

@test "errors: name and text on stderr, one JSON line under --json, the status of the table" {
	sim_script '{"reply":{"status":400,"error":{"type":"invalid_request_error","message":"no such thing"}}}'
	run rkat run hi
	[ "$status" -eq 20 ]
	has "$output" "rkat: PROVIDER_ERROR: "
	has "$output" "no such thing"
	rkat run --json hi >"$T/out" 2>"$T/err" || s=$?
	[ "$s" -eq 20 ]
	[ ! -s "$T/out" ]
	same "$(grep -c . "$T/err")" 1
	same "$(jq -c '[.error.code, .error.retryable, .error.provider_status]' "$T/err")" '["PROVIDER_ERROR",false,400]'
	same "$(jq -r .session_id "$T/err")" "$(db 'SELECT id FROM sessions ORDER BY id DESC LIMIT 1')"
}

@test "no key: one sentence that names the variable and the way to try without; nothing is made" {
	run rkat run hi
	[ "$status" -eq 20 ]
	has "$output" "ANTHROPIC_API_KEY"
	has "$output" "rkat help sim"
	nothing_made
}

@test "Ctrl-C: exit 130 at once, one terminal event, and the session goes on" {
	sim_script '{"match":{"user":"slow"},"reply":{"text":"abcdefghij","chunk":1,"chunk_delay_ms":500}}' '{"reply":{"text":"fine"}}'
	rkat run -s slow >"$T/out" 2>"$T/err" 3>&- &
	wait_for grep -q a "$T/out"
	start=$(date +%s%N)
	kill -INT $!
	s=0; wait $! || s=$?
	took=$((($(date +%s%N) - start) / 1000000))
	[ "$s" -eq 130 ]
	[ "$took" -lt "$(within 500)" ]
	same "$(rkat sessions events last | jq -r .payload.type | grep -c 'run_failed\|run_completed')" 1
	same "$(rkat c go 2>/dev/null)" fine
}

@test "SIGTERM and SIGHUP: exit 143, tools die with the turn" {
	sim_script '{"match":{"has_tool_result":false,"user":"long"},"reply":{"tool_calls":[{"id":"c1","name":"shell","args":{"command":"trap \"\" TERM; sleep '"$NAP"'"}}]}}' '{"reply":{"text":"fine"}}'
	for sig in TERM HUP; do
		rkat run -t workspace --sandbox off long >"$T/out" 2>"$T/err" 3>&- &
		wait_for pgrep -f "sleep $NAP"
		kill -$sig $!
		s=0; wait $! || s=$?
		[ "$s" -eq 143 ]
		wait_for gone "sleep $NAP"
	done
	same "$(rkat c go 2>/dev/null)" fine
}

@test "a second Ctrl-C and SIGKILL end the process at once; its tools die with it" {
	sim_script '{"match":{"has_tool_result":false,"user":"long"},"reply":{"tool_calls":[{"id":"c1","name":"shell","args":{"command":"trap \"\" TERM INT; setsid sleep '"$NAP"'1 & sleep '"$NAP"'2"}}]}}' '{"reply":{"text":"fine"}}'
	for sigs in "INT INT" KILL; do
		rkat run -t workspace --sandbox off long >"$T/out" 2>"$T/err" 3>&- &
		wait_for pgrep -f "sleep ${NAP}1"
		for sig in $sigs; do kill -$sig $!; done
		s=0; wait $! || s=$?
		[ "$s" -eq 130 ] || [ "$s" -eq 137 ]
		wait_for gone "sleep ${NAP}[12]"
	done
	same "$(rkat c go 2>/dev/null)" fine
}

@test "a stalled reader does not hold up SIGTERM" {
	sim_script '{"reply":{"repeat":{"text":"0123456789","times":30000},"chunk":1000,"chunk_delay_ms":20}}'
	mkfifo slow
	exec 8<>slow
	rkat run -s big >slow 2>/dev/null 8>&- 3>&- &
	wait_for sh -c "[ \$(rkat sessions events last | wc -l) -gt 120 ]"
	kill -TERM $!
	s=0; wait $! || s=$?
	exec 8>&-
	[ "$s" -eq 143 ]
	same "$(rkat sessions events last | jq -r .payload.type | tail -1)" run_failed
}

@test "rkat sessions interrupt ends a turn: exit 14" {
	sim_script '{"reply":{"text":"abcdefghij","chunk":1,"chunk_delay_ms":500}}'
	rkat run -s slow >"$T/out" 2>"$T/err" 3>&- &
	wait_for grep -q a "$T/out"
	rkat sessions interrupt last
	s=0; wait $! || s=$?
	[ "$s" -eq 14 ]
	has "$(cat "$T/err")" "REQUEST_CANCELLED"
}

@test "a reader that goes away: quiet, exit 141" {
	sim_script '{"reply":{"repeat":{"text":"0123456789\n","times":20000}}}'
	s=$( { rkat run -s big 2>"$T/err"; echo $? >"$T/status"; } | head -n 3 >/dev/null; cat "$T/status")
	same "$s" 141
	lacks "$(cat "$T/err")" "Broken pipe"
	lacks "$(cat "$T/err")" "error"
	s=$( { rkat run --no-stream big 2>"$T/err"; echo $? >"$T/status"; } | head -n 1 >/dev/null; cat "$T/status")
	same "$s" 141
}

@test "a stalled reader holds up neither the turn nor its log, and gets every byte" {
	sim_script '{"reply":{"repeat":{"text":"0123456789","times":30000}}}'
	mkfifo slow
	rkat run -s big >slow 2>/dev/null 3>&- &
	exec 8<slow
	wait_for sh -c "rkat sessions events last | grep -q run_completed"
	same "$(wc -c <&8)" 300002
	exec 8<&-
	wait $!
}

@test "a full disk behind stdout is an error, exit 1" {
	sim echo
	run sh -c 'rkat run hi >/dev/full'
	[ "$status" -eq 1 ]
	has "$output" "standard output: No space left on device"
	run sh -c 'rkat run hi >&-'
	[ "$status" -eq 1 ]
}

# ---- bad input ----

@test "options: every bad value is one clear line, exit 2, and nothing is made" {
	sim echo
	long=$(printf '9%.0s' $(seq 1 50000))
	check() {
		local out s=0
		out=$(rkat run "$@" hi 2>&1 >"$T/stdout") || s=$?
		[ "$s" -eq 2 ] || { echo "$* $s: $out" | cut -c1-300 >&2; return 1; }
		same "$(printf '%s\n' "$out" | grep -c .)" 1
		[ ! -s "$T/stdout" ]
		[ "${#out}" -lt 700 ]
		nothing_made
	}
	check --max-tokens x
	check --max-tokens 0
	check --max-tokens -5
	check --max-tokens 4294967296
	check --max-tokens "$long"
	check --max-tool-calls 1.5
	check --max-tool-calls ''
	check -d 5
	check -d 5parsecs
	check -d ''
	check -d "$long"
	check --timeout -1s
	check -p nobody
	check -p ''
	check -m ''
	check -m ' '
	check -t all
	check --sandbox maybe
	check --param novalue
	check --params-json '[1]'
	check --params-json '{'
	check --params-json '{"a":01}'
	check --schema '{'
	check --schema '{"type":7}'
	check --schema /nonexistent
	check --schema /
	check --app-context '{]'
	check --label nope
	check --label =x
	check --label role=x
	check --label mob_id=x
	check --allow-tool ''
	check --allow-tool nonesuch
	check --block-tool shell
	check --stdin=maybe
	check --line-format xml
	check -w all
	check --idempotency-key ''
	check --json=yes
	check --no-such-flag
	check -Z
	check --skill-ref ''
	check --realm 'a b'
	check --realm a --isolated
	check --system "$(printf '\377')"
	check one
	check ''
	run rkat run "$(printf '\377')"
	[ "$status" -eq 2 ]
	run rkat run ''
	[ "$status" -eq 2 ]
	run rkat run '   '
	[ "$status" -eq 2 ]
	nothing_made
}

@test "options: a value that is missing is named" {
	for flag in --model -m --provider --max-tokens -d --param --schema --label -t --sandbox -w --stdin= --realm; do
		run rkat run hi $flag
		[ "$status" -eq 2 ]
		has "$output" "INVALID_PARAMS"
	done
	nothing_made
}

@test "options: under --json a usage error is a JSON line, too" {
	run rkat run --json --max-tokens x hi
	[ "$status" -eq 2 ]
	same "$(jq -r .error.code <<<"$output")" INVALID_PARAMS
	has "$(jq -r .error.message <<<"$output")" "--max-tokens"
}

@test "options: flags of later releases are refused by name, 40, never ignored" {
	for flags in --wait-for-mcp "--skill-ref a/b" "--comms-pairing-password x" "--comms-pairing-password-file /x"; do
		run rkat run $flags hi
		[ "$status" -eq 40 ]
		has "$output" "CAPABILITY_UNAVAILABLE: ${flags%% *}: "
	done
	nothing_made
}

@test "options: flags of another verb are refused" {
	run rkat resume --label a=b last hi
	[ "$status" -eq 2 ]
	has "$output" "--label is no option here"
}

@test "resume: an empty prompt with nothing to go on with does nothing and says so" {
	sim echo
	rkat run hi >/dev/null 2>&1
	run rkat c ""
	[ "$status" -eq 0 ]
	same "$output" "rkat: nothing to do: no pending boundary for resume"
	same "$(rkat c --json "" 2>/dev/null | jq .turns)" 0
	same "$(grep -c . "$T/sim.log")" 1
}

@test "an unknown model id goes to the provider that its name says" {
	sim echo
	rkat run -m claude-of-tomorrow hi >/dev/null 2>&1
	rkat run -m gpt-5.2 -p openai hi >/dev/null 2>&1
	rkat run -m gemini-9-flash hi >/dev/null 2>&1
	same "$(jq -r '.format + " " + .model' "$T/sim.log" | tr '\n' ' ')" "anthropic claude-of-tomorrow openai gpt-5.2 gemini gemini-9-flash "
}

# ---- for programs ----

@test "rkat-turn: events as JSON lines, the result last, the log the same" {
	sim echo
	rkat-session create >"$T/id"
	rkat-turn - "hello" <"$T/id" >"$T/out"
	same "$(head -n -1 "$T/out")" "$(rkat-session events "$(cat "$T/id")")"
	same "$(tail -1 "$T/out" | jq -r .text)" "You said: hello"
	same "$(head -1 "$T/out" | jq -r .payload.type)" run_started
}

@test "rkat-turn: id and prompt both from stdin, content blocks as JSON" {
	sim echo
	id=$(rkat-session create)
	same "$(printf '%s\nline one\nline two\n' "$id" | rkat-turn - - | tail -1 | jq -r .text)" "$(printf 'You said: line one\nline two')"
	rkat-turn --content "$id" '[{"type":"text","text":"a"},{"type":"text","text":"b"}]' >/dev/null
	same "$(rkat-session history "$id" | jq -c 'select(.role == "user") | .content' | tail -1)" '[{"type":"text","text":"a"},{"type":"text","text":"b"}]'
	run rkat-turn --content "$id" '{"type":"text"}'
	[ "$status" -eq 2 ]
	run rkat-turn --content "$id" '[{"type":"image","media_type":"x"}]'
	[ "$status" -eq 2 ]
}

@test "rkat-turn: an idempotency key runs once" {
	sim echo
	id=$(rkat-session create)
	rkat-turn --idempotency-key k1 "$id" one >/dev/null
	run rkat-turn --idempotency-key k1 "$id" one
	[ "$status" -eq 13 ]
	same "$(grep -c . "$T/sim.log")" 1
}

@test "rkat-turn --drain: works until the queue is empty; nothing to do is success" {
	sim echo
	id=$(rkat-session create)
	rkat-session input "$id" one >/dev/null
	rkat-session input "$id" two >/dev/null
	rkat-turn --drain "$id" >"$T/out"
	same "$(jq -r 'select(.payload.type == "run_completed") | .payload.result' "$T/out")" "$(printf 'You said: one\nYou said: two')"
	rkat-turn --drain "$id" >"$T/out"
	same "$(jq -r .turns "$T/out")" 0
	same "$(grep -c . "$T/sim.log")" 2
}

@test "rkat-turn: a wrong id, and none at all" {
	run rkat-turn - hi </dev/null
	[ "$status" -eq 2 ]
	run sh -c 'echo nonsense | rkat-turn - hi'
	[ "$status" -eq 10 ]
	run rkat-turn only-one
	[ "$status" -eq 2 ]
	run rkat-turn
	[ "$status" -eq 2 ]
	run rkat-turn --help
	[ "$status" -eq 0 ]
	nothing_made
}

@test "a limit on the command line leaves the configuration's other limits in force" {
	sim echo
	rkat-config patch '{"budget":{"max_tokens":5000,"max_tool_calls":3}}' >/dev/null
	rkat-turn run -d 30s hi
	same "$(db "SELECT json_extract(build, '$.budget_limits.max_tokens', '$.budget_limits.max_tool_calls', '$.budget_limits.max_duration.secs') FROM sessions")" \
	    '[5000,3,30]'
}
