# The agent loop: what a run does, says and leaves behind.
load helper

local_setup() {
	command -v rkat-turn >/dev/null || skip "rkat-turn is not built"
	mkdir -p "$HOME/.rkat"
	config '[retry]' 'initial_delay = "10ms"'
}

# config LINE...: the user's configuration.
config() { printf '%s\n' "$@" >"$HOME/.rkat/config.toml"; }

# turn ARGS...: a first turn; status and answer as `run` gives them; S is the session.
turn() {
	run rkat-turn run -m claude-sonnet-4-5 --json "$@" </dev/null
	S=$(db 'SELECT id FROM sessions ORDER BY created_ms DESC, id DESC LIMIT 1')
}
again() { run rkat-turn resume --json "$S" "$@" </dev/null; }

# events [JQ]: the payloads of the session's event log; types: their types in one line.
events() { jq -c ".payload | ${1:-.}" "$(realm_dir)/events/$S.jsonl"; }
types() { events .type | tr -d '"' | grep -v _delta | tr '\n' ' ' | sed 's/ $//'; }
messages() { db "SELECT body FROM messages WHERE session = '$S' ORDER BY idx"; }
# asked N JQ: something of the N-th request that the model server got.
asked() { sed -n "$1p" "$T/sim.log" | jq -c ".body | $2"; }

TOOL='{"match":{"has_tool_result":false},"reply":{"text":"Looking.","tool_calls":[{"id":"a","name":"shell","args":{"command":"echo one"}},{"id":"b","name":"datetime","args":{}}]}}'

@test "a plain answer: events in order, one user message, the result" {
	sim_script '{"reply":{"text":"Paris.","usage":{"input":12,"output":3}}}'
	turn "Capital of France?"
	same "$status" 0
	same "$(types)" "run_started turn_started text_complete turn_completed run_completed"
	same "$(events 'select(.type=="run_started").prompt')" '"Capital of France?"'
	same "$(events 'select(.type=="run_completed")|[.result,.usage.input_tokens]')" '["Paris.",12]'
	same "$(messages | sed -n 2p)" '{"role":"user","content":"Capital of France?"}'
	same "$(db 'SELECT state FROM inputs')" consumed
	same "$(db 'SELECT state, turns FROM runs')" "completed|1"
}

@test "a tool round: results in call order, turn_completed for the answer alone" {
	sim_script "$TOOL" '{"reply":{"text":"Done."}}'
	turn -t full --sandbox off "go"
	same "$status" 0
	same "$(types)" "run_started turn_started text_complete tool_call_requested tool_call_requested tool_execution_started tool_execution_started tool_execution_completed tool_result_received tool_execution_completed tool_result_received turn_started text_complete turn_completed run_completed"
	same "$(messages | sed -n 4p | jq -c '[.results[].tool_use_id]')" '["a","b"]'
	same "$(messages | sed -n 4p | jq -r '.results[0].content' | jq -r .stdout)" one
	same "$(db 'SELECT count(*) FROM calls')" 0
}

@test "the second turn remembers the first" {
	sim_script '{"match":{"user":"again"},"reply":{"text":"you said hi"}}' '{"reply":{"text":"hello"}}'
	turn "hi"
	again "again"
	same "$status" 0
	same "$(asked 2 '[.messages[].role]')" '["user","assistant","user"]'
	same "$(types)" "run_started turn_started text_complete turn_completed run_completed run_started turn_started text_complete turn_completed run_completed"
}

@test "call ids that a model uses again are made unique" {
	sim_script '{"match":{"turn":0},"reply":{"tool_calls":[{"id":"c","name":"datetime","args":{}},{"id":"c","name":"datetime","args":{}}]}}' \
	    '{"match":{"turn":1},"reply":{"tool_calls":[{"id":"c","name":"datetime","args":{}}]}}' '{"reply":{"text":"ok"}}'
	turn -t safe "go"
	same "$status" 0
	same "$(messages | jq -r 'select(.role=="tool_results")|.results[].tool_use_id' | sort -u | wc -l)" 3
}

@test "arguments that are no JSON object: an error result, the tool is not run" {
	sim_script '{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"id":"a","name":"shell","args":"echo >ran"}]}}' '{"reply":{"text":"ok"}}'
	turn -t full --sandbox off "go"
	same "$status" 0
	has "$(messages | sed -n 4p)" 'invalid_arguments'
	[ ! -e ran ]
}

@test "AGENTS.md and the tools are in the system prompt; a prompt of the request replaces them" {
	echo "Speak Latin." >AGENTS.md
	git init -q . 2>/dev/null || true
	sim_script '{"reply":{"text":"ok"}}'
	turn -t safe "go"
	has "$(messages | sed -n 1p)" "# Project Instructions (from AGENTS.md)"
	has "$(messages | sed -n 1p)" "## datetime"
	turn -t none --system "Be brief." "go"
	same "$(messages | sed -n 1p)" '{"role":"system","content":"Be brief."}'
}

@test "a failing server is tried again, each time announced" {
	sim_script '{"match":{"nth":1},"reply":{"status":500,"error":{"message":"boom"}}}' \
	    '{"match":{"nth":2},"reply":{"status":529,"error":{"type":"overloaded_error","message":"busy"}}}' \
	    '{"reply":{"text":"ok"}}'
	turn "go"
	same "$status" 0
	same "$(events 'select(.type=="retrying")|[.attempt,.max_attempts]' | tr '\n' ' ')" '[1,3] [2,3] '
	has "$(types)" "run_completed"
}

@test "a request that the server refuses fails at once with its words and exit status 20" {
	sim_script '{"reply":{"status":400,"error":{"type":"invalid_request_error","message":"no such thing"}}}'
	turn "go"
	same "$status" 20
	same "$(types)" "run_started turn_started run_failed"
	has "$(events 'select(.type=="run_failed").error')" "LLM error (anthropic): Invalid request"
	has "$(events 'select(.type=="run_failed").error')" "no such thing"
	same "$(events 'select(.type=="run_failed").retryable')" false
	same "$(wc -l <"$T/sim.log")" 1
	same "$(db 'SELECT state FROM inputs')" abandoned
	same "$(db 'SELECT state FROM runs')" failed
}

@test "a stream that is cut is no answer: tried again, nothing of it is kept" {
	sim_script '{"match":{"nth":1},"reply":{"text":"half an answer that never ends","chunk":5,"cut_after":4}}' '{"reply":{"text":"whole"}}'
	turn "go"
	same "$status" 0
	same "$(events 'select(.type=="retrying").attempt')" 1
	lacks "$(messages)" "half"
	has "$(messages)" "whole"
}

@test "the turn limit ends a run with success" {
	config '[agent]' 'max_turns = 2'
	sim_script '{"reply":{"text":"more","tool_calls":[{"id":"a","name":"datetime","args":{}}]}}'
	turn -t safe "go"
	same "$status" 0
	same "$(wc -l <"$T/sim.log")" 2
	same "$(events 'select(.type=="run_completed").result')" '"more"'
}

@test "tokens: a warning at the threshold, one at the end, and success" {
	config '[limits]' 'budget = 100'
	sim_script '{"reply":{"text":"more","tool_calls":[{"id":"a","name":"datetime","args":{}}],"usage":{"input":80,"output":5}}}'
	turn -t safe "go"
	same "$status" 0
	same "$(events 'select(.type=="budget_warning")|[.budget_type,.used,.limit,.percent]' | tr '\n' ' ')" '["tokens",85,100,0.85] ["tokens",170,100,1] '
	has "$(types)" "run_completed"
}

@test "time: a run that is over its time fails with exit status 21" {
	sim_script '{"reply":{"delay_ms":20000,"text":"late"}}'
	turn -d 400ms "go"
	same "$status" 21
	has "$(events 'select(.type=="run_failed").error')" "Time budget exceeded"
	same "$(events 'select(.type=="run_failed").code')" '"BUDGET_EXHAUSTED"'
}

@test "usage of the run and of the session are kept apart" {
	sim_script '{"reply":{"text":"x","usage":{"input":60,"output":30}}}'
	S=$(rkat-session create -m claude-sonnet-4-5)
	for n in 1 2; do rkat-turn "$S" "hi" </dev/null >"$T/out"; done
	same "$(tail -n 1 "$T/out" | jq -c '[.usage.input_tokens, .run_usage.input_tokens]')" '[120,60]'
	same "$(db 'SELECT input_tokens, output_tokens FROM runs')" "60|30
60|30"
	same "$(events 'select(.type=="run_completed").usage.input_tokens' | tail -n 1)" 120
	same "$(events 'select(.type=="turn_completed").usage.input_tokens' | tail -n 1)" 60
}

@test "hooks that are set up wrongly are told before there is a session" {
	config '[[hooks.entries]]' 'id = ""' 'point = "pre_llm_request"'
	sim echo
	turn "hi"
	same "$status" 2
	has "$output" "Hook configuration invalid: hook id cannot be empty"
	same "$(db 'SELECT count(*) FROM sessions')" 0
}

@test "structured output: asked for without tools, asked again, then given" {
	sim_script '{"match":{"turn":0},"reply":{"text":"The answer is 4."}}' \
	    '{"match":{"turn":1},"reply":{"text":"four"}}' \
	    '{"reply":{"text":"```json\n{\"n\":4}\n```"}}'
	turn -t safe --schema '{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}' "2+2"
	same "$status" 0
	same "$(jq -c .structured_output <<<"$output")" '{"n":4}'
	same "$(asked 2 '.tools // [] | map(select(.name == "datetime")) | length')" 0
	same "$(asked 2 .output_config.format.type)" '"json_schema"'
	has "$(asked 3 '.messages[-1]')" "not valid"
}

@test "structured output that never fits fails after so many attempts, exit status 30" {
	sim_script '{"reply":{"text":"no json"}}'
	turn --schema '{"type":"object","required":["n"]}' "go"
	same "$status" 30
	has "$(events 'select(.type=="run_failed").error')" "Structured output validation failed after 2 attempts"
}

@test "an interrupt ends the run at once; the transcript stays valid" {
	sim_script '{"match":{"user":"go"},"reply":{"tool_calls":[{"id":"a","name":"shell","args":{"command":"touch started; sleep 60"}}]}}' '{"reply":{"text":"fine"}}'
	rkat-turn run -m claude-sonnet-4-5 -t full --sandbox off "go" </dev/null >"$T/out" 2>&1 3>&- &
	pid=$!
	wait_for test -e started
	S=$(db 'SELECT id FROM sessions')
	rkat-session interrupt "$S"
	rc=0; wait "$pid" || rc=$?
	[ "$rc" -ne 0 ]
	same "$(events 'select(.type=="run_failed").error')" '"Run was cancelled"'
	has "$(messages | tail -1)" 'interrupted'
	same "$(db 'SELECT state FROM runs')" interrupted
	again "and now?"
	same "$status" 0
}

@test "killed while a tool runs: the next turn tells the model, runs nothing again, one terminal event each" {
	sim_script '{"match":{"user":"next"},"reply":{"text":"I see."}}' \
	    '{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"id":"a","name":"shell","args":{"command":"echo x >>lines"}},{"id":"b","name":"shell","args":{"command":"echo y >>lines; sleep 60"}}]}}'
	rkat-turn run -m claude-sonnet-4-5 -t full --sandbox off "go" </dev/null >"$T/out" 2>&1 3>&- &
	pid=$!
	wait_for grep -q y lines
	one_answered() { [ "$(db 'SELECT count(*) FROM calls WHERE result IS NOT NULL')" = 1 ]; }
	wait_for one_answered
	kill -9 "$pid"; wait "$pid" || true
	S=$(db 'SELECT id FROM sessions')
	again "next"
	same "$status" 0
	same "$(sort lines | tr '\n' ' ')" "x y "
	same "$(messages | jq -c 'select(.role=="tool_results")|[.results[].is_error]')" '[false,true]'
	same "$(events 'select(.type|startswith("run_")).type' | tr '\n' ' ')" '"run_started" "run_failed" "run_started" "run_completed" '
}

@test "queued events come in front of the prompt, whole and fenced" {
	sim_script '{"reply":{"text":"ok"}}'
	turn "hi"
	db "INSERT INTO inputs(id, session, kind, source, mode, body, created_ms) VALUES('i1', '$S', 'external_event', 'github', 'queue', '{\"deploy\":9007199254740993}', 1)"
	again "what happened?"
	same "$status" 0
	has "$(asked 2 '.messages[-1]')" '[EVENT via github]'
	has "$(asked 2 '.messages[-1]')" '9007199254740993'
	same "$(db "SELECT count(*) FROM inputs WHERE state = 'consumed'")" 3
}

@test "a drain takes prompts one by one, and nothing when there is nothing" {
	sim_script '{"reply":{"text":"ok {{user}}"}}'
	turn "hi"
	for n in 1 2; do
		db "INSERT INTO inputs(id, session, kind, source, mode, body, created_ms) VALUES('i$n', '$S', 'prompt', 'rpc', 'queue', '\"p$n\"', $n)"
	done
	run rkat-turn --drain "$S" </dev/null
	same "$status" 0
	same "$(messages | jq -r 'select(.role=="user").content' | tr '\n' ' ')" "hi p1 p2 "
	run rkat-turn --drain "$S" </dev/null
	same "$status" 0
	same "$(wc -l <"$T/sim.log")" 3
}

@test "SIGTERM while queued input is worked on: it stays queued work; an interrupt ends it" {
	sim_script '{"match":{"nth":1},"reply":{"delay_ms":20000,"text":"late"}}' '{"match":{"nth":3},"reply":{"delay_ms":20000,"text":"late"}}' '{"reply":{"text":"ok"}}'
	S=$(rkat-session create -m claude-sonnet-4-5)
	for sig in TERM INT; do
		rkat-session input "$S" "$sig" >/dev/null
		rm -f "$(realm_dir)/events/$S.jsonl"
		rkat-turn --drain "$S" </dev/null >"$T/out" 2>&1 3>&- &
		pid=$!
		wait_for grep -q "$sig" "$T/sim.log"
		kill -"$sig" "$pid"
		wait "$pid" || true
		run rkat-turn --drain "$S" </dev/null
		same "$status" 0
	done
	same "$(db 'SELECT state FROM inputs ORDER BY seq')" "consumed
abandoned"
	same "$(messages | jq -c 'select(.role=="user").content')" '"TERM"
"INT"'
}

@test "a run that is denied behind its answer is not answered again" {
	hook turn_boundary 'exit 1'
	sim_script '{"reply":{"text":"ok"}}'
	S=$(rkat-session create -m claude-sonnet-4-5)
	rkat-session input "$S" a >/dev/null
	run rkat-turn --drain "$S" </dev/null
	same "$status" 22
	run rkat-turn --drain "$S" </dev/null
	same "$status" 0
	same "$(wc -l <"$T/sim.log")" 1
	same "$(db 'SELECT state FROM inputs')" abandoned
}

@test "steering enters the run that is under way" {
	sim_script '{"match":{"has_tool_result":false,"user":"go"},"reply":{"tool_calls":[{"id":"a","name":"shell","args":{"command":"touch started; while [ ! -e steered ]; do sleep 0.02; done"}}]}}' \
	    '{"match":{"history":"turn left"},"reply":{"text":"turning left"}}' '{"reply":{"text":"straight on"}}'
	rkat-turn run -m claude-sonnet-4-5 -t full --sandbox off "go" </dev/null >"$T/out" 2>&1 3>&- &
	pid=$!
	wait_for test -e started
	S=$(db 'SELECT id FROM sessions')
	db "INSERT INTO inputs(id, session, kind, source, mode, body, created_ms) VALUES('i1', '$S', 'prompt', 'operator', 'steer', '\"turn left\"', 1)"
	touch steered
	wait "$pid"
	has "$(cat "$T/out")" "turning left"
	same "$(db 'SELECT count(*) FROM runs')" 1
}

@test "injected context is seen by one request only" {
	sim_script '{"reply":{"text":"ok"}}'
	turn "hi"
	db "INSERT INTO contexts(session, text, source, created_ms) VALUES('$S', 'Deploy is frozen.', 'mob', 1)"
	again "one"
	again "two"
	has "$(asked 2 .system)" 'Deploy is frozen.'
	lacks "$(asked 3 .)" 'Deploy is frozen.'
	same "$(db 'SELECT applied FROM contexts')" 1
}

@test "the end of a background job is seen by the next request and by none after it" {
	sim_script '{"match":{"history":"BG_JOB","nth":1},"reply":{"tool_calls":[{"name":"shell","args":{"command":"echo saw"}}]}}' \
	    '{"match":{"history":"echo saw"},"reply":{"text":"end"}}' \
	    '{"match":{"has_tool_result":true},"reply":{"tool_calls":[{"name":"shell","args":{"command":"sleep 0.05"}}]}}' \
	    '{"reply":{"tool_calls":[{"name":"shell","args":{"command":"true","background":true}}]}}'
	turn -t full --sandbox off "go"
	same "$status" 0
	has "$(types)" "background_job_completed turn_started"
	same "$(jq -r '.body | tostring' "$T/sim.log" | grep -c BG_JOB)" 1
	lacks "$(jq -c '.body.messages' "$T/sim.log" | tail -1)" BG_JOB
	has "$(messages)" '"kind":"background_job"'
}

@test "a long history is summed up between turns" {
	config '[compaction]' 'auto_compact_threshold = 1000' 'recent_turn_budget = 1'
	sim_script '{"match":{"user":"hand-over"},"reply":{"text":"SUMMARY"}}' \
	    '{"match":{"user":"first"},"reply":{"text":"one"}}' \
	    '{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"id":"a","name":"datetime","args":{}}],"usage":{"input":5000,"output":1}}}' \
	    '{"reply":{"text":"end"}}'
	turn -t safe "first"
	again "second"
	same "$status" 0
	has "$(types)" "tool_result_received compaction_started compaction_completed turn_started"
	has "$(asked 4 '.messages[0]')" "[Context compacted]"
	lacks "$(asked 4 .)" "first"
	same "$(events 'select(.type=="compaction_completed")|[.messages_before,.messages_after]')" '[6,5]'
}

@test "an image of a prompt is kept as a blob and sent as an image" {
	sim_script '{"reply":{"text":"a dot"}}'
	png=iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=
	turn "hi"
	run rkat-turn --content "$S" '[{"type":"text","text":"what?"},{"type":"image","media_type":"image/png","source":"inline","data":"'$png'"}]' </dev/null
	same "$status" 0
	lacks "$(messages)" "$png"
	has "$(messages | sed -n 4p)" '"blob_id":"sha256:'
	has "$(asked 2 '.messages[-1]')" "$png"
	same "$(events 'select(.type=="run_started").prompt' | tail -1)" '"what?\n[image: image/png]"'
}

@test "an image that no provider would take is refused, and the session stays as it was" {
	sim echo
	S=$(rkat-session create)
	local b='"type":"image","source":"inline"'
	for c in "{$b,\"media_type\":\"image/png\",\"data\":\"!!\"}" "{$b,\"media_type\":\"image/png\",\"data\":\"\"}" \
	    "{$b,\"media_type\":\"image/png\",\"data\":\"AAA\"}" "{$b,\"media_type\":\"text/html\",\"data\":\"AAAA\"}" \
	    "{$b,\"media_type\":\"image/x\\ny\",\"data\":\"AAAA\"}" "{$b,\"data\":\"AAAA\"}" '{"type":"audio"}' '{"type":"text"}'; do
		run rkat-turn --content "$S" "[$c]" </dev/null
		same "$status" 2
		has "$output" INVALID_PARAMS
	done
	same "$(db 'SELECT count(*) FROM messages')" 0
	same "$(db 'SELECT count(*) FROM inputs')" 0
	[ ! -e "$(realm_dir)/events/$S.jsonl" ] || same "$(wc -c <"$(realm_dir)/events/$S.jsonl")" 0
}

# hook POINT SCRIPT: a guardrail at that point; the script reads the invocation.
hook() {
	printf '%s\n' "$2" >"$T/hook.sh"
	config '[[hooks.entries]]' 'id = "guard"' "point = \"$1\"" 'capability = "guardrail"' \
	    '[hooks.entries.runtime]' 'type = "command"' 'command = "sh"' "args = [\"$T/hook.sh\"]"
}

@test "a hook denies a tool call: the model is told, the tool is not run" {
	hook pre_tool_execution 'grep -q "rm -rf" && echo '"'"'{"decision":{"decision":"deny","hook_id":"guard","reason_code":"policy_violation","message":"no rm"}}'"'"' || echo "{}"'
	sim_script '{"match":{"has_tool_result":false},"reply":{"tool_calls":[{"id":"a","name":"shell","args":{"command":"touch ran; rm -rf /nowhere"}},{"id":"b","name":"shell","args":{"command":"touch other"}}]}}' '{"reply":{"text":"ok"}}'
	turn -t full --sandbox off "go"
	same "$status" 0
	[ ! -e ran ] && [ -e other ]
	same "$(messages | jq -c 'select(.role=="tool_results")|[.results[].is_error]')" '[true,false]'
	has "$(messages)" 'hook_denied'
	has "$(types)" "hook_denied"
}

@test "a hook denies the request to the model: exit status 22, no request" {
	hook pre_llm_request 'echo '"'"'{"decision":{"decision":"deny","hook_id":"guard","reason_code":"policy_violation","message":"no"}}'"'"
	sim_script '{"reply":{"text":"ok"}}'
	turn "go"
	same "$status" 22
	same "$(events 'select(.type=="run_failed").error')" '"Hook denied at PreLlmRequest: PolicyViolation - no"'
	[ ! -s "$T/sim.log" ]
}

@test "hooks rewrite answer, arguments and result" {
	hook post_llm_response 'echo '"'"'{"patches":[{"patch_type":"assistant_text","text":"better"}]}'"'"
	sim_script '{"match":{"has_tool_result":false,"user":"run"},"reply":{"tool_calls":[{"id":"a","name":"shell","args":{"command":"echo raw"}}]}}' '{"reply":{"text":"good"}}'
	turn "go"
	same "$(messages | tail -1 | jq -c '[.blocks[].data.text]')" '["better"]'
	same "$(events 'select(.type=="run_completed").result')" '"better"'
	hook run_completed 'echo '"'"'{"patches":[{"patch_type":"run_result","text":"best"}]}'"'"
	again "go on"
	same "$(jq -r .text <<<"$output")" best
	same "$(events 'select(.type=="run_completed").result' | tail -1)" '"best"'
	has "$(types)" "hook_rewrite_applied run_completed"
	run rkat-session history --json "$S"
	has "$output" '"best"'
	hook pre_tool_execution 'echo '"'"'{"patches":[{"patch_type":"tool_args","args":{"command":"echo patched"}}]}'"'"
	turn -t full --sandbox off "run"
	has "$(messages | sed -n 4p)" patched
}
