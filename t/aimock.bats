# Against a model server that is not ours: @copilotkit/aimock (providers sheet 9).
load helper

AIMOCK=@copilotkit/aimock@1.43.0
FORMATS="anthropic openai chat gemini"

# Once for the file: install it by name into a directory of this run.
setup_file() {
	export AIMOCK_DIR=$BATS_FILE_TMPDIR/aimock
	mkdir -p "$AIMOCK_DIR"
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
		echo "needs node and npm" >"$AIMOCK_DIR/skip"
	elif ! (cd "$AIMOCK_DIR" && timeout 120 npm install --prefix . --no-save --ignore-scripts \
	    --no-audit --no-fund --fetch-retries 1 --fetch-retry-mintimeout 1000 \
	    --fetch-retry-maxtimeout 3000 "$AIMOCK" >npm.log 2>&1); then
		echo "npm cannot install $AIMOCK: $(grep -v '^npm warn' "$AIMOCK_DIR/npm.log" | head -n 1)" >"$AIMOCK_DIR/skip"
	fi
}

local_setup() {
	[ ! -e "$AIMOCK_DIR/skip" ] || skip "$(cat "$AIMOCK_DIR/skip")"
	command -v rkat-turn >/dev/null || skip "rkat-turn is not built"
	declare -gA MODEL=([anthropic]=claude-sonnet-4-5 [openai]=gpt-5.2
	    [chat]=local [gemini]=gemini-3-flash-preview)
	MOCK_PID=
}
local_teardown() { [ -z "$MOCK_PID" ] || { kill "$MOCK_PID"; wait "$MOCK_PID" || true; }; }

# mock FIXTURE...: the server with these; what none of them fits is a 400.
mock() {
	printf '%s\n' "$@" '{"match":{},"response":{"error":{"message":"no fixture","type":"invalid_request_error"},"status":400}}' |
	    jq -s '{fixtures:.}' >"$T/fixtures.json"
	node "$AIMOCK_DIR/node_modules/.bin/llmock" -p 0 -f "$T/fixtures.json" --log-level info >"$T/mock.log" 2>&1 </dev/null 3>&- &
	MOCK_PID=$!
	wait_for grep -q 'listening on http' "$T/mock.log"
	MOCK=$(grep -o 'http://127.0.0.1:[0-9]*' "$T/mock.log" | head -n 1)
	export ANTHROPIC_BASE_URL=$MOCK OPENAI_BASE_URL=$MOCK GEMINI_BASE_URL=$MOCK
	export ANTHROPIC_API_KEY=a-key OPENAI_API_KEY=a-key GEMINI_API_KEY=a-key
	mkdir -p "$HOME/.rkat"
	printf '%s\n' '[retry]' 'max_retries = 1' 'initial_delay = "5ms"' \
	    '[self_hosted.servers.mock]' "base_url = \"$MOCK\"" \
	    '[self_hosted.models.local]' 'server = "mock"' 'remote_model = "tiny"' >"$HOME/.rkat/config.toml"
}

# ask FORMAT PROMPT [ARGS...]
ask() {
	local format=$1 prompt=$2
	shift 2
	STATUS=0
	timeout 30 rkat run --json -m "${MODEL[$format]}" "$@" "$prompt" </dev/null >"$T/out" 2>"$T/err" || STATUS=$?
	S=$(db 'SELECT id FROM sessions ORDER BY id DESC LIMIT 1')
}
answered() {
	same "$STATUS" 0 || { cat "$T/err" >&2; return 1; }
	same "$(jq -r .text "$T/out")" "$1"
}
events() { jq -c ".payload | ${1:-.}" "$(realm_dir)/events/$S.jsonl"; }
# The requests that it got, as it understood them.
journal() { curl -sf "$MOCK/__aimock/journal" | jq -c "$1"; }

@test "text: an answer in every format, and a second turn that remembers" {
	mock '{"match":{"userMessage":"Hello"},"response":{"content":"Hello from elsewhere: äöü 世界.","usage":{"input_tokens":11,"output_tokens":7}},"chunkSize":2}' \
	    '{"match":{"userMessage":"And now?","turnIndex":1},"response":{"content":"I remember."}}'
	for f in $FORMATS; do
		ask "$f" "Hello"
		answered "Hello from elsewhere: äöü 世界."
		same "$(events 'select(.type == "text_delta").delta' | jq -rj .)" "Hello from elsewhere: äöü 世界."
		[ "$f" = chat ] || same "$(jq -c '[.usage.input_tokens, .usage.output_tokens]' "$T/out")" "[11,7]"
		same "$(rkat resume "$S" "And now?" </dev/null 2>/dev/null)" "I remember."
	done
}

@test "thinking: kept apart from the answer, and the next request is taken" {
	mock '{"match":{"userMessage":"think"},"response":{"content":"42","reasoning":"hmm, six times seven","reasoningSignature":"SIGXYZ"}}' \
	    '{"match":{"userMessage":"again"},"response":{"content":"still 42"}}'
	for f in $FORMATS; do
		ask "$f" "think"
		answered 42
		has "$(events 'select(.type == "reasoning_complete").content')" "six times seven"
		same "$(rkat resume "$S" "again" </dev/null 2>/dev/null)" "still 42"
	done
	has "$(db "SELECT group_concat(body) FROM messages")" "SIGXYZ"
}

@test "parallel tools: both run, both results go back, in call order, in every format" {
	mock '{"match":{"userMessage":"both","hasToolResult":false},"response":{"toolCalls":[{"id":"call_a","name":"shell","arguments":{"command":"echo first"}},{"id":"call_b","name":"shell","arguments":{"command":"echo second"}}]}}' \
	    '{"match":{"userMessage":"both","hasToolResult":true},"response":{"content":"Both ran."}}'
	for f in $FORMATS; do
		ask "$f" "run both" -t full --sandbox off
		answered "Both ran."
		same "$(jq .tool_calls "$T/out")" 2
		same "$(events 'select(.type == "tool_execution_completed").result' | jq -r 'fromjson.stdout' | tr -d '\n')" firstsecond
		# What it understood of the last request: two results, each behind its call.
		same "$(journal '.[-1].body.messages | map(select(.role == "tool")) | length')" 2
		has "$(journal '.[-1].body.messages | map(select(.role == "tool").content) | tostring')" "second"
		same "$(journal '.[-1].body.messages | map(select(.role == "assistant").tool_calls[]?.id) == map(select(.role == "tool").tool_call_id)')" true
	done
}

@test "text and a call in one answer; a second round of calls" {
	# By the newest result: it counts a text and a call as two turns.
	mock '{"match":{"userMessage":"mixed","hasToolResult":false},"response":{"content":"Let me look.","toolCalls":[{"id":"m1","name":"shell","arguments":{"command":"echo alpha"}}]}}' \
	    '{"match":{"toolResultContains":"alpha"},"response":{"toolCalls":[{"id":"m2","name":"shell","arguments":{"command":"echo beta"}}]}}' \
	    '{"match":{"toolResultContains":"beta"},"response":{"content":"Looked twice."}}'
	for f in $FORMATS; do
		ask "$f" "mixed" -t full --sandbox off
		answered "Looked twice."
		same "$(jq -c '[.turns, .tool_calls]' "$T/out")" "[3,2]"
	done
}

@test "rate limited with retryAfter 3: waited for, announced, answered" {
	mock '{"match":{"userMessage":"limited","sequenceIndex":0},"response":{"error":{"message":"Rate limited","type":"rate_limit_error","code":"rate_limit_exceeded"},"status":429,"retryAfter":3}}' \
	    '{"match":{"userMessage":"limited"},"response":{"content":"at last"}}'
	ask anthropic "limited"
	answered "at last"
	same "$(events 'select(.type == "retrying") | [.attempt, .delay_ms]')" "[1,3000]"
	same "$(journal length)" 2
}

@test "errors: overloaded is tried again, a refusal is not, in every format" {
	mock '{"match":{"userMessage":"down"},"response":{"error":{"message":"We are down","type":"api_error"},"status":500}}' \
	    '{"match":{"userMessage":"flaky","sequenceIndex":0},"response":{"error":{"message":"Overloaded","type":"overloaded_error"},"status":529}}' \
	    '{"match":{"userMessage":"flaky"},"response":{"content":"second try"}}'
	ask anthropic "flaky"
	answered "second try"
	for f in $FORMATS; do
		ask "$f" "down"
		same "$STATUS" 20
		same "$(jq -c '.error | [.code, .retryable, .provider_status]' "$T/err")" '["PROVIDER_ERROR",true,500]'
		has "$(jq -r .error.message "$T/err")" "We are down"
		same "$(events 'select(.type == "retrying")' | wc -l)" 1
		ask "$f" "something else"
		same "$STATUS" 20
		same "$(jq -c '.error | [.code, .retryable, .provider_status]' "$T/err")" '["PROVIDER_ERROR",false,400]'
		has "$(jq -r .error.message "$T/err")" "no fixture"
	done
}

@test "an answer that is cut short is never taken for one, in every format" {
	mock '{"match":{"userMessage":"cut"},"response":{"content":"a long text that is cut before its end"},"latency":20,"chunkSize":4,"truncateAfterChunks":3}'
	for f in $FORMATS; do
		ask "$f" "cut"
		same "$STATUS" 20
		same "$(jq -c '.error | [.code, .retryable]' "$T/err")" '["PROVIDER_ERROR",true]'
		same "$(events 'select(.type | IN("run_completed", "run_failed")).type')" '"run_failed"'
		same "$(events 'select(.type == "retrying")' | wc -l)" 1
	done
}

@test "no more tokens, and slow answers" {
	mock '{"match":{"userMessage":"short"},"response":{"content":"cut by the limit","finishReason":"length"}}' \
	    '{"match":{"userMessage":"slow"},"response":{"content":"word by word by word"},"streamingProfile":{"ttft":200,"tps":40,"jitter":0}}'
	for f in $FORMATS; do
		ask "$f" "short"
		answered "cut by the limit"
	done
	ask anthropic "short"
	same "$(events 'select(.type == "turn_completed").stop_reason')" '"max_tokens"'
	ask gemini "slow"
	answered "word by word by word"
}
