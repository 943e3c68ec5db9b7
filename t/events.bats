# Events against the contract's schema: each kind that we say, and in teardown (helper)
# whatever any other test of the whole run has left in a log.
load helper

local_setup() {
	[ -d "$CONTRACT" ] || skip "the contract's schemas are not beside this tree: $CONTRACT"
	mkdir -p "$HOME/.rkat"
	config '[retry]' 'initial_delay = "10ms"'
}

config() { printf '%s\n' "$@" >"$HOME/.rkat/config.toml"; }
turn() { run rkat-turn run -m claude-sonnet-4-5 -t full --sandbox off --json "$@" </dev/null; }
again() { run rkat-turn resume --json last "$@" </dev/null; }
# seen TYPE...: the logs hold these kinds of events, and all events are of the contract.
seen() {
	local type all
	all=$(cat "$(realm_dir)"/events/*.jsonl | jq -r .payload.type | sort -u)
	for type; do has " ${all//$'\n'/ } " " $type "; done
	events_check
}
# hook POINT MODE CAPABILITY SCRIPT
hook() {
	H=$((${H:-0} + 1))
	printf '%s\n' "$4" >"$T/hook$H.sh"
	printf '%s\n' '[[hooks.entries]]' "id = \"h$H\"" "point = \"$1\"" "mode = \"$2\"" "capability = \"$3\"" \
	    '[hooks.entries.runtime]' 'type = "command"' 'command = "sh"' "args = [\"$T/hook$H.sh\"]" >>"$HOME/.rkat/config.toml"
}
TOOL='{"match":{"has_tool_result":false},"reply":{"thinking":"hm","text":"Looking.","tool_calls":[{"name":"shell","args":{"command":"echo one"}}],"usage":{"input":850,"output":1}}}'

@test "an event that is not of the contract is found" {
	mkdir -p "$(realm_dir)/events"
	echo '{"event_id":"a","source_id":"session:b","seq":1,"timestamp_ms":1,"payload":{"type":"turn_started"}}' >"$(realm_dir)/events/b.jsonl"
	! events_check || false
	rm -r "$(realm_dir)"
}

@test "answers, thinking, tools, a retry, a budget: as the schema says" {
	config '[retry]' 'initial_delay = "10ms"' '[limits]' 'budget = 1000'
	sim_script '{"match":{"nth":1},"reply":{"status":500}}' "$TOOL" '{"reply":{"text":"Done."}}'
	turn "go"
	same "$status" 0
	seen run_started turn_started reasoning_delta reasoning_complete text_delta text_complete turn_completed \
	    tool_call_requested tool_execution_started tool_execution_completed tool_result_received retrying budget_warning run_completed
}

@test "a tool that takes too long, a background job, a failed run: as the schema says" {
	sim_script '{"match":{"user":"fail"},"reply":{"status":400}}' \
	    '{"match":{"turn":0},"reply":{"tool_calls":[{"name":"shell","args":{"command":"true","background":true}},{"name":"shell","args":{"command":"sleep 60","timeout_secs":1}}]}}' \
	    '{"reply":{"text":"ok"}}'
	turn "go"
	again "fail"
	same "$status" 20
	seen tool_execution_timed_out background_job_completed run_failed
}

@test "compaction: as the schema says" {
	config '[compaction]' 'auto_compact_threshold = 100' 'min_turns_between_compactions = 1'
	sim_script '{"match":{"user":"hand-over","nth":1},"reply":{"status":400}}' \
	    '{"match":{"user":"hand-over"},"reply":{"text":"SUMMARY"}}' '{"reply":{"text":"ok","usage":{"input":5000,"output":1}}}'
	turn "one"
	again "two"
	again "three"
	seen compaction_started compaction_failed compaction_completed
}

@test "hooks that look, rewrite, fail, deny and publish: as the schema says" {
	hook run_started foreground observe 'echo "{}"'
	hook post_llm_response foreground rewrite 'echo '"'"'{"patches":[{"patch_type":"assistant_text","text":"better"}]}'"'"
	hook pre_llm_request foreground rewrite 'echo '"'"'{"patches":[{"patch_type":"llm_request","max_tokens":77,"temperature":null,"provider_params":{"a":1}}]}'"'"
	hook turn_boundary foreground observe 'exit 3'
	hook post_llm_response background observe 'echo '"'"'{"patches":[{"patch_type":"run_result","text":"late"}]}'"'"
	hook pre_tool_execution foreground guardrail 'echo '"'"'{"decision":{"decision":"deny","hook_id":"x","reason_code":"policy_violation","message":"no","payload":{"rule":7}}}'"'"
	hook pre_tool_execution foreground guardrail 'echo no JSON'
	sim_script "$TOOL" '{"match":{"nth":1},"reply":{"tool_calls":[{"name":"shell","args":{"command":"true"}}]}}' '{"reply":{"text":"Done.","delay_ms":200}}'
	turn "go"
	same "$status" 0
	seen hook_started hook_completed hook_failed hook_denied hook_rewrite_applied hook_patch_published
}

@test "a hook's patch with numbers that the contract does not know is a failed hook" {
	hook pre_llm_request foreground observe 'echo '"'"'{"patches":[{"patch_type":"llm_request","max_tokens":-5}]}'"'"
	sim_script '{"reply":{"text":"ok"}}'
	turn "go"
	same "$status" 0
	seen hook_failed
}
