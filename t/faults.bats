# What a model server can do to a turn, and how the turn must end: exit status, error
# line, exactly one terminal event, and no more calls than the retry policy allows.
load helper

FORMATS="anthropic openai chat gemini"

local_setup() {
	command -v rkat-turn >/dev/null || skip "rkat-turn is not built"
	declare -gA MODEL=([anthropic]=claude-sonnet-4-5 [openai]=gpt-5.2
	    [chat]=local [gemini]=gemini-3-flash-preview)
	mkdir -p "$HOME/.rkat"
	config
}

# config LINE...: one retry, FIRST and IDLE as limits of silence, and these lines.
config() {
	printf '%s\n' '[retry]' 'max_retries = 1' 'initial_delay = "5ms"' '[timeouts]' \
	    "first_byte = \"${FIRST-30s}\"" "idle = \"${IDLE-30s}\"" "$@" >"$HOME/.rkat/config.toml"
}

# serve RULE...: a sim with these rules, and the chat format as a server of one's own.
serve() {
	sim_script "$@"
	config '[self_hosted.servers.here]' "base_url = \"$SIM\"" \
	    '[self_hosted.models.local]' 'server = "here"' 'remote_model = "tiny"'
}

# ask FORMAT PROMPT [ARGS...]: one run under --json, 20 s at most; into STATUS, $T/out and $T/err.
ask() {
	local format=$1 prompt=$2
	shift 2
	calls_before=$(calls)
	STATUS=0
	timeout 20 rkat run --json -m "${MODEL[$format]}" "$@" "$prompt" </dev/null >"$T/out" 2>"$T/err" || STATUS=$?
	S=$(db 'SELECT id FROM sessions ORDER BY id DESC LIMIT 1')
}
calls() { if [ -e "$T/sim.log" ]; then wc -l <"$T/sim.log"; else echo 0; fi; }
events() { jq -c ".payload | ${1:-.}" "$(realm_dir)/events/$S.jsonl"; }
terminals() { events 'select(.type | IN("run_completed", "run_failed")).type' | tr -d '"' | tr '\n' ' '; }
# error PATH: something of the error line.
error() { jq -c ".error$1" "$T/err"; }

# failed CALLS RETRYABLE TEXT: the run ended as a provider error, everywhere in the same words.
failed() {
	local text
	same "$STATUS" 20
	[ ! -s "$T/out" ] || { cat "$T/out" >&2; return 1; }
	same "$(wc -l <"$T/err")" 1
	text=$(jq -c '.error | [.code, .retryable, .message]' "$T/err")
	has "$text" "[\"PROVIDER_ERROR\",$2,"
	has "$text" "$3"
	# The event log: a retry between two calls each, one terminal event with the same words.
	same "$(jq -sc --argjson said "$text" 'map(.payload | select(.type | IN("run_completed", "run_failed", "retrying"))) |
	    [map(select(.type == "retrying")) | length] +
	    map(select(.type != "retrying") | [.type, .retryable, .error == $said[2]])' \
	    "$(realm_dir)/events/$S.jsonl")" "[$(($1 - 1)),[\"run_failed\",$2,true]]"
	same "$(($(calls) - calls_before))" "$1"
	# Nothing that was not finished is in the transcript.
	same "$(db "SELECT (SELECT state FROM runs WHERE session = '$S'), count(*) FROM messages
	    WHERE session = '$S' AND body LIKE '%assistant%'")" "failed|0"
}
answered() {
	same "$STATUS" 0
	same "$(terminals)" "run_completed "
	same "$(jq -r .text "$T/out")" "$1"
}

@test "300 kB of answer into a pipe arrive whole, in every format" {
	serve '{"reply":{"repeat":{"text":"0123456789","times":30000}}}'
	for f in $FORMATS; do
		same "$(rkat run -s -m "${MODEL[$f]}" big 2>/dev/null </dev/null | tr -d '\n' | cksum)" \
		    "$(printf '0123456789%.0s' $(seq 30000) | cksum)"
		ask "$f" big
		same "$(jq -r '.text | length' "$T/out")" 300000
		same "$(terminals)" "run_completed "
	done
}

@test "300 kB into a reader that stalls: the turn is over and stored, the reader gets every byte later" {
	serve '{"reply":{"repeat":{"text":"0123456789","times":30000}}}'
	mkfifo slow
	rkat run -s big >slow 2>/dev/null </dev/null 3>&- &
	exec 8<slow
	wait_for sh -c "rkat sessions events last | grep -q run_completed"
	kill -0 $!	# it waits for its reader, and only for that
	same "$(wc -c <&8)" 300002
	exec 8<&-
	wait $!
}

@test "400: at once, the server's words, no retry, in every format" {
	serve '{"reply":{"status":400,"error":{"type":"invalid_request_error","message":"no such field: nonsense"}}}'
	for f in $FORMATS; do
		ask "$f" hi
		failed 1 false "no such field: nonsense"
		same "$(error .provider_status)" 400
	done
}

@test "401: at once, the server's words, no retry, no key anywhere, in every format" {
	serve '{"reply":{"status":401,"error":{"type":"authentication_error","message":"that key is not known here"}}}'
	export ANTHROPIC_API_KEY=sk-secret-one OPENAI_API_KEY=sk-secret-one GEMINI_API_KEY=sk-secret-one
	for f in $FORMATS; do
		ask "$f" hi
		failed 1 false "that key is not known here"
		same "$(error .provider_status)" 401
	done
	run grep -r sk-secret-one "$RKAT_STATE_ROOT" "$T/err"
	same "$output" ""
}

@test "403 and 404: at once, no retry" {
	serve '{"match":{"user":"forbidden"},"reply":{"status":403,"error":{"message":"not for you"}}}' \
	    '{"match":{"user":"missing"},"reply":{"status":404,"error":{"message":"model: nope"}}}'
	ask anthropic forbidden
	failed 1 false "not for you"
	ask openai missing
	failed 1 false "nope"
}

@test "429 with a retry-after of an hour: given up at once, the time is told, in every format" {
	serve '{"reply":{"status":429,"retry_after":3600,"error":{"type":"rate_limit_error","message":"come back later"}}}'
	for f in $FORMATS; do
		ask "$f" hi
		failed 1 true "retry after 3600000ms"
		same "$(error .retry_after_ms)" 3600000
		same "$(error .provider_status)" 429
		same "$(events 'select(.type == "run_failed").retry_after_ms')" 3600000
	done
}

@test "429 with a short retry-after: waited for, announced, then answered" {
	serve '{"match":{"nth":1},"reply":{"status":429,"retry_after":1}}' '{"reply":{"text":"now"}}'
	ask anthropic hi
	answered now
	same "$(events 'select(.type == "retrying") | [.attempt, .max_attempts, .delay_ms]')" '[1,1,1000]'
	same "$(calls)" 2
}

@test "a retry-after behind the deadline of the turn ends as a used-up budget" {
	serve '{"reply":{"status":429,"retry_after":100}}'
	ask anthropic hi -d 500ms
	same "$STATUS" 21
	same "$(error .code)" '"BUDGET_EXHAUSTED"'
	same "$(terminals)" "run_failed "
	same "$(calls)" 1
}

@test "500 for ever: an event per retry, then the end, in every format" {
	serve '{"reply":{"status":500,"error":{"type":"api_error","message":"boom"}}}'
	for f in $FORMATS; do
		ask "$f" hi
		failed 2 true "boom"
		same "$(error .provider_status)" 500
		same "$(events 'select(.type == "retrying") | [.attempt, .max_attempts]')" '[1,1]'
	done

	printf '%s\n' '[retry]' 'max_retries = 4' 'initial_delay = "1ms"' >"$HOME/.rkat/config.toml"
	ask anthropic hi
	failed 5 true "boom"
	same "$(events 'select(.type == "retrying").attempt' | tr '\n' ' ')" "1 2 3 4 "
}

@test "529 and 503 are tried again, with the default policy 3 times, and no retry at all is possible" {
	serve '{"match":{"user":"over"},"reply":{"status":529,"error":{"type":"overloaded_error","message":"Overloaded"}}}' \
	    '{"reply":{"status":503}}'
	ask anthropic over
	failed 2 true "overloaded"
	ask gemini hi
	failed 2 true "overloaded"
	printf '%s\n' '[retry]' 'max_retries = 0' >"$HOME/.rkat/config.toml"
	ask anthropic hi
	failed 1 true "overloaded"
	printf '%s\n' '[retry]' 'initial_delay = "1ms"' >"$HOME/.rkat/config.toml"
	ask anthropic hi
	failed 4 true "overloaded"
}

@test "a reset in the middle of the answer: tried again, then an incomplete response, in every format" {
	serve '{"reply":{"text":"half an answer that never ends","chunk":4,"reset_after":5}}'
	for f in $FORMATS; do
		ask "$f" hi
		failed 2 true "Incomplete response"
		# What had come is seen, once for each attempt, in the events.
		has "$(events 'select(.type == "text_delta").delta' | tr -d '"\n')" "half"
	done
}

@test "a clean end without the terminal event is no answer, in every format" {
	serve '{"reply":{"text":"half an answer that never ends","chunk":4,"cut_after":5}}'
	for f in $FORMATS; do
		ask "$f" hi
		failed 2 true "Incomplete response"
	done
}

@test "cut before the first event, and a connection that closes without a word" {
	serve '{"match":{"user":"empty"},"reply":{"text":"x","cut_after":0}}' \
	    '{"reply":{"text":"x","drop_after":0}}'
	for f in $FORMATS; do
		ask "$f" empty
		failed 2 true ""
	done
	ask anthropic hi
	failed 2 true ""
}

@test "cut once, then whole: the answer is the second one alone, in every format" {
	for f in $FORMATS; do
		printf '{"match":{"format":"%s","nth":1},"reply":{"text":"half of it","chunk":2,"cut_after":4}}\n' "$f"
	done >"$T/script.jsonl"
	echo '{"reply":{"text":"all of it"}}' >>"$T/script.jsonl"
	mapfile -t rules <"$T/script.jsonl"
	serve "${rules[@]}"
	for f in $FORMATS; do
		ask "$f" hi
		answered "all of it"
		same "$(events 'select(.type == "retrying").attempt')" 1
		lacks "$(db "SELECT group_concat(body) FROM messages WHERE session = '$S'")" "half"
	done
}

@test "a tool call that is cut is never run" {
	serve '{"reply":{"tool_calls":[{"id":"c1","name":"shell","args":{"command":"touch ran"}}],"chunk":4,"cut_after":4}}'
	for f in anthropic openai chat; do
		ask "$f" hi -t full --sandbox off
		failed 2 true "Incomplete response"
	done
	[ ! -e ran ]
}

@test "thousands of calls with one id: each has its own in the transcript, in time; too many are refused" {
	python3 - >"$T/many.jsonl" <<-'EOF'
	import json
	for n in (2000, 10001):
	    call = {"id": "same", "name": "datetime", "args": {}}
	    print(json.dumps({"match": {"user": "%d of them" % n, "has_tool_result": False}, "reply": {"tool_calls": [call] * n}}))
	print('{"reply":{"text":"that was much"}}')
	EOF
	mapfile -t rules <"$T/many.jsonl"
	serve "${rules[@]}"
	ask anthropic "2000 of them"
	answered "that was much"
	same "$(db "SELECT count(DISTINCT json_extract(value, '\$.tool_use_id')) FROM messages, json_each(body, '\$.results')
	    WHERE json_extract(body, '\$.role') = 'tool_results'")" 2000
	ask anthropic "10001 of them"
	failed 1 false "more than 10000 items"
}

@test "garbage JSON in the stream: a parse error that shows where and what, no retry, in every format" {
	serve '{"reply":{"raw":[{"bytes":": hello\n\ndata: {\"type\":oops}\n\n"}]}}'
	for f in $FORMATS; do
		ask "$f" hi
		failed 1 false "Stream parsing error"
		has "$(error .message)" "oops"
	done
}

@test "JSON of the wrong kind in the stream, and missing fields: no answer, no crash, in every format" {
	n=0
	for data in '[]' '3' '"text"' 'null' '{}' '{"type":5}' '{"choices":{}}' '{"choices":[{"delta":[]}]}' \
	    '{"candidates":[{"content":7}]}' '{"type":"content_block_delta"}' '{"type":"response.output_text.delta"}'; do
		n=$((n + 1))
		jq -cn --arg d "data: $data"$'\n\n' --arg u "kind $n." '{match:{user:$u},reply:{raw:[{bytes:$d}]}}'
	done >"$T/rules"
	mapfile -t rules <"$T/rules"
	serve "${rules[@]}"
	printf '%s\n' '[retry]' 'max_retries = 0' '[self_hosted.servers.here]' "base_url = \"$SIM\"" \
	    '[self_hosted.models.local]' 'server = "here"' 'remote_model = "tiny"' >"$HOME/.rkat/config.toml"
	for f in $FORMATS; do
		for i in $(seq "$n"); do
			ask "$f" "kind $i."
			failed 1 "$(error .retryable)" "LLM error"
		done
	done
}

@test "silence after the headers: the idle limit ends it, retried, named, in every format" {
	IDLE=250ms serve '{"reply":{"text":"never said","hang_after":0}}'
	for f in $FORMATS; do
		ask "$f" hi
		failed 2 true "Network timeout after 250ms"
	done
}

@test "silence in the middle of the answer: the idle limit" {
	IDLE=250ms serve '{"reply":{"text":"half an answer","chunk":2,"hang_after":4}}'
	ask anthropic hi
	failed 2 true "Network timeout after 250ms"
}

@test "silence before the headers: the limit for the first byte" {
	FIRST=400ms serve '{"reply":{"text":"late","delay_ms":30000}}'
	ask anthropic hi
	failed 2 true "Network timeout after 400ms"
	has "$(error .message)" "first byte"
}

@test "a slow drip that goes on is an answer; a time budget ends it, the session is kept" {
	IDLE=1s serve '{"reply":{"text":"drop by drop","chunk":1,"chunk_delay_ms":100,"first_delay_ms":300}}'
	ask anthropic hi
	answered "drop by drop"
	ask anthropic hi -d 500ms
	same "$STATUS" 21
	same "$(terminals)" "run_failed "
	same "$(rkat sessions show "$S" --json | jq -r .session_id)" "$S"
}

@test "a whole stream that comes byte by byte is the same answer, in every format" {
	serve '{"reply":{"text":"Grüße, 世界 🌍!"}}'
	for f in $FORMATS; do
		ask "$f" hi
		answered 'Grüße, 世界 🌍!'
	done
	sim_stop
	serve '{"reply":{"text":"Grüße, 世界 🌍!","chunk":1}}'
	for f in $FORMATS; do
		ask "$f" hi
		answered 'Grüße, 世界 🌍!'
	done
}

@test "200 with HTML: named for what it is, no retry, in every format" {
	serve '{"reply":{"raw":[{"bytes":"<html><body>It works!</body></html>\n"}],"content_type":"text/html"}}'
	for f in $FORMATS; do
		ask "$f" hi
		failed 1 false "text/html instead of an event stream"
		has "$(error .message)" "It works!"
	done
}

@test "a body that is packed though nobody asked for it is garbage, not a bomb" {
	bomb=$(head -c 50000000 /dev/zero | gzip -9 | base64 -w0)
	serve '{"reply":{"headers":{"content-encoding":"gzip"},"raw":[{"base64":"'"$bomb"'"}]}}'
	ask anthropic hi
	same "$STATUS" 20
	same "$(terminals)" "run_failed "
	[ "$(calls)" -le 2 ]
}

@test "500 with a page of HTML, and an error that is no JSON, are shown short" {
	serve '{"match":{"user":"page"},"reply":{"status":502,"raw":[{"bytes":"<html>Bad Gateway</html>","times":5000}],"content_type":"text/html"}}' \
	    '{"reply":{"status":400,"raw":[{"base64":"/xtbMzFtYmFkG1swbQ=="}]}}'
	ask anthropic page
	failed 2 true "Bad Gateway"
	[ "$(wc -c <"$T/err")" -lt 2000 ]
	ask anthropic hi
	failed 1 false "bad"
	lacks "$(cat "$T/err")" $'\033'
}

@test "a line of 10 MB is read when it is good, refused when it is not" {
	big=$(head -c 10000000 /dev/zero | tr '\0' x)
	printf '%s\n' '{"match":{"user":"bad"},"reply":{"raw":[{"bytes":"data: "},{"bytes":"'"${big:0:1000000}"'","times":10},{"bytes":"\n\n"}]}}' \
	    '{"match":{"user":"huge"},"reply":{"raw":[{"bytes":"data: "},{"bytes":"'"${big:0:1000000}"'","times":40}]}}' \
	    '{"reply":{"repeat":{"text":"xxxxxxxxxx","times":1000000},"chunk":10000000}}' >"$T/big.jsonl"
	sim script "$T/big.jsonl"
	ask anthropic bad
	failed 1 false "Stream parsing error"
	ask anthropic huge
	failed 1 false "Stream parsing error"
	for f in anthropic openai gemini; do
		ask "$f" good
		same "$STATUS" 0
		same "$(jq -r '.text | length' "$T/out")" 10000000
	done
}

@test "an endless stream is ended, by its size or by the time of the call" {
	serve '{"match":{"user":"fast"},"reply":{"raw":[{"bytes":": nothing to see here, nothing at all, for ever and ever\n\n","times":1000000000}]}}' \
	    '{"reply":{"raw":[{"bytes":": nothing\n\n","times":1000000000,"delay_ms":20}]}}'
	ask anthropic fast
	failed 1 false "MiB came"
	printf '%s\n' '[retry]' 'max_retries = 1' 'initial_delay = "5ms"' 'call_timeout = "600ms"' >"$HOME/.rkat/config.toml"
	ask anthropic drip
	failed 2 true "LLM call timed out after 0.6s"
}

@test "an endless answer is ended by its size" {
	serve '{"reply":{"raw":[{"bytes":"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"role\":\"assistant\",\"content\":[],\"model\":\"m\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"},{"bytes":"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"'"$(head -c 60000 /dev/zero | tr '\0' y)"'\"}}\n\n","times":1000000000}]}}'
	ask anthropic hi
	failed 1 false "the reply has no end"
}

@test "unknown events, comments and pings are stepped over, in every format" {
	serve '{"match":{"format":"anthropic"},"reply":{"raw":[{"bytes":": hi\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\nevent: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":1}}}\n\nevent: novelty\ndata: {\"type\":\"novelty\",\"x\":[1]}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"hologram\",\"z\":1}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"hologram_delta\",\"z\":2}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"fine\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":1}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"}]}}' \
	    '{"match":{"format":"openai"},"reply":{"raw":[{"bytes":"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{}}\n\nevent: response.hologram.delta\ndata: {\"type\":\"response.hologram.delta\",\"delta\":\"no\"}\n\nevent: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"m\",\"output_index\":0,\"content_index\":0,\"delta\":\"fine\"}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[{\"type\":\"hologram\"},{\"type\":\"message\",\"id\":\"m\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"fine\"}]}],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n"}]}}' \
	    '{"match":{"format":"chat"},"reply":{"raw":[{"bytes":": OPENROUTER PROCESSING\n\ndata: {\"object\":\"novelty\",\"choices\":[]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"fine\",\"hologram\":1}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"}]}}' \
	    '{"reply":{"raw":[{"bytes":"data: {\"novelty\":true}\r\n\r\ndata: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"hologram\":{}},{\"text\":\"fine\"}]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":1,\"candidatesTokenCount\":1}}\r\n\r\n"}]}}'
	for f in $FORMATS; do
		ask "$f" hi
		answered fine
	done
}

@test "an error in the middle of the stream: classed by its kind, in every format" {
	serve '{"match":{"user":"over"},"reply":{"text":"half an answer","chunk":3,"stream_error":{"type":"overloaded_error","code":"server_error","message":"Overloaded","after":3}}}' \
	    '{"reply":{"text":"half","stream_error":{"type":"invalid_request_error","code":"invalid_prompt","message":"no way","after":1}}}'
	for f in $FORMATS; do
		ask "$f" over
		same "$STATUS" 20
		same "$(terminals)" "run_failed "
		has "$(error .message)" "verloaded"
		ask "$f" hi
		same "$STATUS" 20
		same "$(terminals)" "run_failed "
		has "$(error .message)" "no way"
	done
}

@test "nobody listens, and a redirect: named, bounded" {
	serve '{"reply":{"status":302,"headers":{"location":"http://127.0.0.1:1/elsewhere"},"raw":[{"bytes":""}]}}'
	ask anthropic hi
	same "$STATUS" 20
	same "$(terminals)" "run_failed "
	same "$(calls)" 1
	export ANTHROPIC_BASE_URL=http://127.0.0.1:1
	ask anthropic hi
	failed_text=$(error .message)
	has "$failed_text" "Connection reset"
	has "$failed_text" "127.0.0.1:1"
	same "$STATUS" 20
	same "$(events 'select(.type == "retrying")' | wc -l)" 1
}

@test "a failed turn costs the session nothing: the next prompt goes on, in every format" {
	serve '{"match":{"user":"bad"},"reply":{"status":400,"error":{"message":"no"}}}' '{"reply":{"text":"fine"}}'
	for f in $FORMATS; do
		ask "$f" bad
		same "$STATUS" 20
		same "$(rkat resume "$S" again </dev/null 2>/dev/null)" fine
	done
	rkat-session check >/dev/null
}
