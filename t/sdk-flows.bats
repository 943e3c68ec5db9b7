load rpc

# What the SDKs of contract 0.5 send for each of their calls, member for member, and what
# they read of the answer (RPC sheet section 12).  t/sdk05.bats drives the published ones.

local_setup() { sim_script '{"match":{"history":"hi json"},"reply":{"text":"{\"n\":7}"}}' '{"reply":{"text":"fine"}}'; }
# reads ID METHOD PARAMS JQ...: each program says true of the result.
reads() {
	local id=$1 want
	got "$1" "$2" "$3" >"$T/reply"
	shift 3
	for want; do
		jq -e "(.result | $want) // error(\"not: \" + $(jq -n --arg w "$want" '$w'))" "$T/reply" >/dev/null || { cat "$T/reply" >&2; return 1; }
	done
}
RUN='(.session_id | length == 36) and (.session_ref | type == "string") and (.text | type == "string") and ([.turns, .tool_calls, .usage.input_tokens, .usage.output_tokens] | map(type == "number") | all)'
# absent ID METHOD PARAMS: not there yet, and said so.
absent() { same "$(got "$1" "$2" "$3" | jq -c '[.error.code, .error.message]')" "[-32601,\"Method not found: $2\"]"; }
session() { reads 900 session/create '{"prompt":"hi"}' "$RUN" && ID=$(jq -r .result.session_id "$T/reply"); }

@test "connect: initialize, capabilities/get, tools/register, as sent by both SDKs" {
	rpc
	reads 1 initialize '{}' '.contract_version == "0.5.2"' '.methods | index("session/create") > 0' '.methods | all(type == "string")'
	reads 2 capabilities/get '{}' '.capabilities | length > 5' '.capabilities | all(has("id") and has("description") and has("status"))' \
	    '.capabilities | map(select(.status == "Available").id) | index("sessions") != null'
	reads 3 tools/register '{"tools":[{"name":"search","description":"Tool: search","input_schema":{"type":"object"}}]}' '.registered == 1'
	# The capability test of mobs: not there.
	reads 4 initialize '{}' '(.methods | index("mob/create") or index("mob/list")) == false'
}

@test "create_session: with no option, with every option, and with null for each" {
	rpc
	reads 1 session/create '{"prompt":"hi"}' "$RUN" '.text == "fine"'
	reads 2 session/create '{"prompt":"hi json","model":"claude-sonnet-4-5","provider":"anthropic","system_prompt":"Be brief.","max_tokens":500,"output_schema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]},"structured_output_retries":1,"hooks_override":{"entries":[],"disable":[]},"enable_builtins":true,"enable_shell":false,"enable_memory":false,"enable_mob":false,"keep_alive":false,"budget_limits":{"max_tokens":100000,"max_duration":{"secs":60,"nanos":0},"max_tool_calls":5},"provider_params":{"temperature":0.5},"labels":{"env":"prod"},"additional_instructions":["Say please."],"app_context":{"a":[1]},"shell_env":{"A":"b"},"external_tools":[{"name":"t","description":"d","input_schema":{"type":"object"}}]}' \
	    "$RUN" '.structured_output == {"n":7}'
	reads 3 session/create '{"prompt":"hi","model":null,"provider":null,"system_prompt":null,"max_tokens":null,"output_schema":null,"structured_output_retries":null,"hooks_override":null,"enable_builtins":null,"enable_shell":null,"enable_memory":null,"enable_mob":null,"keep_alive":null,"comms_name":null,"peer_meta":null,"budget_limits":null,"provider_params":null,"preload_skills":null,"skill_refs":null,"skill_references":null,"labels":null,"additional_instructions":null,"app_context":null,"shell_env":null,"external_tools":null,"initial_turn":null}' \
	    "$RUN" '.text == "fine"'
}

@test "create_session_streaming: events carry the session of the reply, bare members and envelope alike" {
	rpc
	session
	jq -s --arg id "$ID" 'map(select(.method == "session/event").params) | length > 3 and all(.session_id == $id and .event.type == .event.payload.type)' "$T/out" | grep -qx true
	same "$(jq -j 'select(.params.event.type == "text_delta").params.event.delta' "$T/out")" fine
	same "$(jq -j 'select(.params.event.payload.type == "text_delta").params.event.payload.delta' "$T/out")" fine
}

@test "create_deferred_session, then start_turn with what an SDK may still set" {
	rpc
	reads 1 session/create '{"prompt":"first","initial_turn":"deferred"}' '.session_id | length == 36' '.session_ref | type == "string"'
	ID=$(jq -r .result.session_id "$T/reply")
	reads 2 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"then\",\"model\":\"claude-sonnet-4-5\",\"provider\":\"anthropic\",\"max_tokens\":99,\"system_prompt\":\"S\",\"structured_output_retries\":1,\"provider_params\":{\"temperature\":0.1}}" "$RUN" ".session_id == \"$ID\""
}

@test "session.turn: with every option that a running session takes, and with null" {
	rpc
	session
	reads 1 turn/start "{\"session_id\":\"$ID\",\"prompt\":[{\"type\":\"text\",\"text\":\"more\"}],\"flow_tool_overlay\":{\"allowed_tools\":null,\"blocked_tools\":[]},\"additional_instructions\":[\"Be kind.\"],\"keep_alive\":false,\"model\":\"claude-opus-4-6\",\"provider\":\"anthropic\",\"provider_params\":{\"temperature\":0.2}}" "$RUN"
	reads 2 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"more\",\"skill_refs\":null,\"skill_references\":null,\"flow_tool_overlay\":null,\"additional_instructions\":null,\"keep_alive\":null,\"model\":null,\"provider\":null,\"max_tokens\":null,\"system_prompt\":null,\"output_schema\":null,\"structured_output_retries\":null,\"provider_params\":null}" "$RUN"
}

@test "list_sessions, read_session, history" {
	rpc
	session
	row='(.session_id | length == 36) and (.session_ref | type == "string") and ([.created_at, .updated_at, .message_count] | map(type == "number") | all) and (.is_active | type == "boolean")'
	reads 1 session/list '{}' ".sessions | length == 1 and all($row and (.total_tokens > 0))"
	reads 2 session/list '{"labels":{"none":"such"},"limit":5,"offset":0}' '.sessions == []'
	reads 3 session/read "{\"session_id\":\"$ID\"}" "$row" '.model | type == "string"' '.provider == "anthropic"' '.last_assistant_text == "fine"'
	reads 4 session/history "{\"session_id\":\"$ID\",\"offset\":0}" '[.message_count, .offset, .has_more] == [3,0,false]' '[.messages[].role] == ["system","user","block_assistant"]' \
	    '.messages[2].blocks[0].data.text == "fine"' '.messages[2].stop_reason == "end_turn"' 'has("limit") | not'
	reads 5 session/history "{\"session_id\":\"$ID\",\"offset\":1,\"limit\":1}" '[.offset, .limit, .has_more, (.messages | length)] == [1,1,true,1]'
}

@test "send_external_event, inject_context, get_blob" {
	rpc
	session
	reads 1 session/external_event "{\"session_id\":\"$ID\",\"payload\":{\"body\":\"ping\"},\"source\":\"cron\"}" '.outcome_type == "accepted"' '.input_id | length == 36'
	reads 2 session/inject_context "{\"session_id\":\"$ID\",\"text\":\"note\",\"source\":\"me\",\"idempotency_key\":\"k\"}" '.status == "staged"'
	reads 3 session/inject_context "{\"session_id\":\"$ID\",\"text\":\"other\"}" '.status == "staged"'
	reads 4 session/create '{"prompt":[{"type":"image","media_type":"image/png","source":"inline","data":"aGVsbG8="}]}' "$RUN"
	A=$(rkat-session history "$(jq -r .result.session_id "$T/reply")" | jq -r '.. | .blob_id? // empty' | head -n 1)
	reads 5 blob/get "{\"blob_id\":\"$A\"}" ". == {\"blob_id\":\"$A\",\"media_type\":\"image/png\",\"data\":\"aGVsbG8=\"}"
}

@test "get_config, set_config, patch_config, get_models_catalog" {
	rpc
	envelope='(.config | type == "object") and (.generation | type == "number") and has("realm_id") and has("instance_id") and has("backend") and (.resolved_paths.root | type == "string")'
	reads 1 config/get '{}' "$envelope"
	G=$(jq .result.generation "$T/reply")
	reads 2 config/patch "{\"patch\":{\"max_tokens\":5},\"expected_generation\":$G}" "$envelope" ".generation == $((G + 1))" '.config.max_tokens == 5'
	reads 3 config/set '{"config":{"max_tokens":6}}' "$envelope" '.config.max_tokens == 6'
	reads 4 models/catalog '{}' '.contract_version == {"major":0,"minor":5,"patch":2}' '.providers | length > 2 and all(has("provider") and has("default_model_id") and (.models | length > 0))'
}

@test "interrupt, archive; a stream of events, opened and closed" {
	rpc
	session
	reads 1 turn/interrupt "{\"session_id\":\"$ID\"}" '.interrupted == true'
	reads 2 session/stream_open "{\"session_id\":\"$ID\"}" '.stream_id | length == 36'
	reads 3 session/stream_close "{\"stream_id\":\"$(jq -r .result.stream_id "$T/reply")\"}" '.closed and .already_closed == false'
	reads 4 session/archive "{\"session_id\":\"$ID\"}" '.archived == true'
}

@test "runtime and inputs: exactly the members that the Python dataclasses take" {
	rpc
	session
	header='{"id":"01936f8a-7b2c-7000-8000-000000000001","timestamp":"2026-04-10T14:00:00Z","source":{"type":"operator"},"durability":"durable","visibility":{"transcript_eligible":true,"operator_eligible":true}}'
	inputs='["input_id","current_state","policy","terminal_outcome","durability","idempotency_key","attempt_count","recovery_count","history","reconstruction_source","persisted_input","last_run_id","last_boundary_sequence","created_at","updated_at"]'
	reads 1 runtime/state "{\"session_id\":\"$ID\"}" '. == {"state":"attached"}'
	reads 2 runtime/accept "{\"session_id\":\"$ID\",\"input\":{\"input_type\":\"prompt\",\"header\":$header,\"text\":\"more\"}}" '.outcome_type == "accepted"' \
	    'keys - ["outcome_type","input_id","policy","state","existing_id","reason"] == []' "(.state | keys) - $inputs == []"
	reads 3 input/state "{\"session_id\":\"$ID\",\"input_id\":\"01936f8a-7b2c-7000-8000-000000000001\"}" "keys - $inputs == []"
	same "$(got 4 input/state "{\"session_id\":\"$ID\",\"input_id\":\"01936f8a-7b2c-7000-8000-000000000009\"}" | jq -c .result)" null
	reads 5 input/list "{\"session_id\":\"$ID\"}" 'keys == ["input_ids"]'
	reads 6 runtime/retire "{\"session_id\":\"$ID\"}" 'keys == ["inputs_abandoned","inputs_pending_drain"]'
	reads 7 runtime/reset "{\"session_id\":\"$ID\"}" 'keys == ["inputs_abandoned"]'
}

@test "an error: a code, a message that is no JSON text, data as the SDKs read it" {
	rpc
	got 1 session/read '{"session_id":"01936f8a-7b2c-7000-8000-000000000001"}' >"$T/reply"
	jq -e '.error | .code == -32001 and (.message | (try fromjson catch "no") == "no")' "$T/reply"
	jq -e '.error.data == null or (.error.data | .code == "SESSION_NOT_FOUND")' "$T/reply"
}

@test "calls of what is not served yet are answered as unknown methods, nulls and all" {
	rpc
	absent 1 mob/spawn '{"mob_id":"m","profile":"p","meerkat_id":"a","initial_message":null,"runtime_mode":null,"backend":null,"resume_session_id":null,"labels":null,"context":null,"additional_instructions":null}'
	absent 2 mcp/add '{"session_id":"01936f8a-7b2c-7000-8000-000000000001","server_name":"s","server_config":{"command":"x"},"persisted":false}'
	absent 3 skills/list '{}'
	absent 4 schedule/list '{}'
}
