# shellcheck disable=SC2012,SC2016,SC2119,SC2120
load helper

# Requests in each format, with what the strict checks want.
anthropic() {
	curl -sS "$@" "$SIM/v1/messages" -H 'x-api-key: sim-key' -H 'anthropic-version: 2023-06-01' -d @-
}
openai() {
	curl -sS "$@" "$SIM/v1/responses" -H 'authorization: Bearer sim-key' -d @-
}
chat() {
	curl -sS "$@" "$SIM/v1/chat/completions" -d @-
}
gemini() {
	curl -sS "$@" "$SIM/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse" -H 'x-goog-api-key: sim-key' -d @-
}

# say FORMAT TEXT [CURL OPTIONS]: one user message, streamed.
say() {
	local format=$1 text=$2
	shift 2
	case $format in
	anthropic) echo '{"model":"claude-x","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"'"$text"'"}]}' ;;
	openai) echo '{"model":"gpt-x","stream":true,"input":"'"$text"'"}' ;;
	chat) echo '{"model":"llama-x","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"'"$text"'"}]}' ;;
	gemini) echo '{"contents":[{"role":"user","parts":[{"text":"'"$text"'"}]}]}' ;;
	esac | "$format" "$@"
}

# The JSON of each event, one per line.
data() { sed -n 's/\r$//; s/^data: //p' | grep -v '^\[DONE\]$'; }
# All text of an answer.
text() {
	data | jq -rj '.delta.text? // (select(.type=="response.output_text.delta")|.delta)
		// .choices[0]?.delta.content? // (.candidates[0]?.content.parts[]?|select(.thought|not)|.text?) // empty'
}

# The sim that runs becomes the upstream of the next one.
second() {
	up=$SIM UP_PID=$SIM_PID SIM_PID=
	rm "$T/sim.port" "$T/sim.pid"
}
local_teardown() { [ -z "$UP_PID" ] || kill "$UP_PID"; }

@test "text: every format streams the same answer, characters whole" {
	sim_script '{"match":{"user":"hi"},"reply":{"text":"Grüße, 日本語 and 🙂 {{user}}, turn {{turn}}.","chunk":1}}'
	for f in anthropic openai chat gemini; do
		same "$(say $f hi | text)" 'Grüße, 日本語 and 🙂 hi, turn 0.'
	done
}

@test "anthropic: the bytes of a stream are the real ones" {
	sim_script '{"reply":{"thinking":"Hm.","signature":"SIG","text":"Hello","tool_calls":[{"id":"toolu_1","name":"f","args":{"n": 9007199254740993}}],"usage":{"input":25,"output":89,"cache_read":2000,"cache_creation":100},"chunk":0}}'
	say anthropic hi >got
	cat >want <<'END'
event: message_start
data: {"type":"message_start","message":{"id":"msg_01sim000000000000001","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":100,"cache_read_input_tokens":2000,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: ping
data: {"type":"ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm."}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"SIG"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"n\": 9007199254740993}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":89}}

event: message_stop
data: {"type":"message_stop"}

END
	diff want got
}

@test "openai: events are numbered, argument deltas name the item only, the end repeats all" {
	sim_script '{"reply":{"thinking":"Hm.","text":"Hello","tool_calls":[{"id":"call_9","name":"f","args":{"a":1}},{"id":"call_8","name":"g","args":{}}],"usage":{"input":50,"output":20,"cache_read":32}}}'
	say openai hi >got
	same "$(data <got | jq -s 'map(.sequence_number) == [range(length)]')" true
	same "$(sed -n 's/^event: //p' got)" "$(data <got | jq -r .type)"
	same "$(data <got | jq -sc 'map(select(.type=="response.function_call_arguments.delta"))|map([has("call_id"),.item_id])|unique')" \
	    '[[false,"fc_sim1_3"],[false,"fc_sim1_4"]]'
	same "$(data <got | jq -c 'select(.type=="response.completed").response|[.status,(.output|map(.type)),.usage]')" \
	    '["completed",["reasoning","message","function_call","function_call"],{"input_tokens":50,"input_tokens_details":{"cached_tokens":32,"cache_write_tokens":0},"output_tokens":20,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":70}]'
	lacks "$(cat got)" DONE
	lacks "$(cat got)" encrypted_content
	echo '{"model":"o9","stream":true,"include":["reasoning.encrypted_content"],"input":"x"}' | openai >got
	same "$(data <got | jq -c 'select(.type=="response.output_item.done" and .output_index==0).item|[.summary[0].text,has("encrypted_content")]')" '["Hm.",true]'
}

@test "chat: parallel calls have their index, usage comes after the finish, DONE is last" {
	sim_script '{"reply":{"thinking":"Hm.","tool_calls":[{"id":"c1","name":"f","args":{"a":1}},{"id":"c2","name":"g","args":"not {json"}],"usage":{"input":12,"output":9,"cache_read":4}}}'
	say chat hi >got
	same "$(tail -n 2 got)" 'data: [DONE]'
	same "$(data <got | jq -sc '[.[-2].choices[0].finish_reason,.[-1].choices,.[-1].usage.prompt_tokens_details.cached_tokens]')" '["tool_calls",[],4]'
	same "$(data <got | jq -sc 'map(.choices[0]?.delta.tool_calls[]?)|group_by(.index)|map([.[0].id,.[0].function.name,(map(.function.arguments)|add)])')" \
	    '[["c1","f","{\"a\":1}"],["c2","g","not {json"]]'
	same "$(data <got | jq -rj '.choices[0]?.delta.reasoning_content // empty')" Hm.
	echo '{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}' | chat >got
	lacks "$(cat got)" usage
}

@test "gemini: lines end in CR LF, calls are whole and end with STOP, thoughts are counted apart" {
	sim_script '{"reply":{"thinking":"Hm. Hm. Hm.","signature":"SIG","tool_calls":[{"name":"f","args":{"n":1e400}},{"name":"g","args":{}}],"usage":{"input":20,"output":23}}}'
	say gemini hi >got
	same "$(grep -c -v $'\r$' got || true)" 0
	same "$(data <got | grep -c 1e400)" 1
	same "$(data <got | jq -sc '[.[1].candidates[0].content.parts[0].thoughtSignature,.[2].candidates[0].content.parts[0].thoughtSignature,.[-1].candidates[0].finishReason]')" '["SIG",null,"STOP"]'
	same "$(data <got | jq -sc '.[-1].usageMetadata')" '{"promptTokenCount":20,"candidatesTokenCount":20,"thoughtsTokenCount":3,"totalTokenCount":43}'
}

@test "stops: each word of the script becomes each provider's own" {
	sim_script '{"match":{"user":"end"},"reply":{"text":"x"}}' \
	    '{"match":{"user":"len"},"reply":{"text":"x","stop":"max_tokens"}}' \
	    '{"match":{"user":"seq"},"reply":{"text":"x","stop":"stop_sequence"}}' \
	    '{"match":{"user":"filter"},"reply":{"text":"x","stop":"content_filter"}}' \
	    '{"match":{"user":"tool"},"reply":{"tool_calls":[{"name":"f"}]}}'
	local got=
	for f in anthropic openai chat gemini; do
		for w in end len seq filter tool; do
			got+=$(say $f $w | data | jq -r '(select(.type=="message_delta").delta.stop_reason)
				// (.response|select(.usage?)|.status+":"+(.incomplete_details.reason // ""))
				// .choices[0]?.finish_reason // .candidates[0]?.finishReason // empty' 2>/dev/null)' '
		done
	done
	same "$got" 'end_turn max_tokens stop_sequence refusal tool_use completed: incomplete:max_output_tokens completed: incomplete:content_filter completed: stop length stop content_filter tool_calls STOP MAX_TOKENS STOP SAFETY STOP '
}

@test "without a stream: each format answers one JSON object" {
	sim_script '{"reply":{"text":"Hello","tool_calls":[{"id":"c1","name":"f","args":{"a":1}}]}}'
	same "$(echo '{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}' | anthropic | jq -c '[.content[0].text,.content[1].input,.stop_reason]')" '["Hello",{"a":1},"tool_use"]'
	same "$(echo '{"model":"m","input":"x"}' | openai | jq -c '[.status,.output[0].content[0].text,.output[1].arguments]')" '["completed","Hello","{\"a\":1}"]'
	same "$(echo '{"model":"m","messages":[{"role":"user","content":"x"}]}' | chat | jq -c '.choices[0]|[.message.content,.message.tool_calls[0].id,.finish_reason]')" '["Hello","c1","tool_calls"]'
	same "$(curl -sS "$SIM/v1beta/models/m:generateContent" -H 'x-goog-api-key: k' -d '{"contents":[{"parts":[{"text":"x"}]}]}' | jq -c '.candidates[0]|[.content.parts[0].text,.finishReason]')" '["Hello","STOP"]'
	same "$(curl -sS "$SIM/v1beta/models/m:streamGenerateContent" -H 'x-goog-api-key: k' -d '{"contents":[{"parts":[{"text":"x"}]}]}' | jq -c type)" '"array"'
}

@test "blocks: an explicit order is kept, redacted thinking included" {
	sim_script '{"reply":{"blocks":[{"redacted":"XX"},{"tool_call":{"name":"f","args":{}}},{"text":"then"},{"thinking":"late","signature":"S"}]}}'
	same "$(say anthropic hi | data | jq -sc 'map(select(.type=="content_block_start").content_block.type)')" \
	    '["redacted_thinking","tool_use","text","thinking"]'
}

@test "errors: status, retry-after and body are in the provider's shape" {
	sim_script '{"reply":{"status":429,"retry_after":3,"error":{"message":"slow down"},"headers":{"x-mine":"yes"}}}'
	for f in anthropic openai chat gemini; do
		say $f hi -D $f.head -w '\n%{http_code}\n' >$f.body
		same "$(tail -n 1 $f.body)" 429
		has "$(cat $f.head)" 'x-mine: yes'
	done
	same "$(head -n 1 anthropic.body | jq -c '[.type,.error]')" '["error",{"type":"rate_limit_error","message":"slow down"}]'
	same "$(head -n 1 openai.body | jq -c .error)" '{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}'
	same "$(head -n 1 gemini.body | jq -c '.error|[.code,.status,.details[0].retryDelay]')" '[429,"RESOURCE_EXHAUSTED","3s"]'
	has "$(cat anthropic.head)" 'retry-after: 3'
	lacks "$(cat gemini.head)" retry-after
}

@test "errors: in the middle of a stream each format has its own event, then the body ends" {
	sim_script '{"reply":{"text":"abcdef","chunk":1,"stream_error":{"type":"overloaded_error","message":"Overloaded","after":4}}}'
	same "$(say anthropic hi | tail -n 3 | head -n 2)" 'event: error
data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
	same "$(say openai hi | data | tail -n 1)" '{"type":"error","sequence_number":4,"code":"overloaded_error","message":"Overloaded","param":null}'
	same "$(say chat hi | data | tail -n 1 | jq -c .error.message)" '"Overloaded"'
	same "$(say gemini hi | data | tail -n 1 | jq -c .error.status)" '"overloaded_error"'
	same "$(say anthropic hi | data | wc -l)" 5
}

@test "faults: cut ends the body, drop closes it, reset resets, hang is silent; all behind N events" {
	sim_script '{"match":{"user":"cut"},"reply":{"text":"abcdefgh","chunk":1,"cut_after":3}}' \
	    '{"match":{"user":"drop"},"reply":{"text":"abcdefgh","chunk":1,"drop_after":3}}' \
	    '{"match":{"user":"reset"},"reply":{"text":"abcdefgh","chunk":1,"reset_after":3}}' \
	    '{"match":{"user":"hang"},"reply":{"text":"abcdefgh","chunk":1,"hang_after":3}}' \
	    '{"match":{"user":"silence"},"reply":{"text":"abcdefgh","chunk":1,"hang_after":0}}'
	try() {
		rc=0
		say chat $1 -N -o out --max-time "$2" 2>/dev/null || rc=$?
		echo "$rc $(data <out | wc -l)"
	}
	same "$(try cut 20)" '0 3'
	same "$(try drop 20)" '18 3'
	same "$(try reset 20)" '56 3'
	same "$(try hang 1.5)" '28 3'
	say chat silence -N -D head --max-time 1.5 || true
	has "$(cat head)" '200 OK'
}

@test "delays: before the status line, before the first event, between deltas" {
	sim_script '{"reply":{"text":"abc","chunk":1,"delay_ms":120,"first_delay_ms":100,"chunk_delay_ms":40}}'
	t=$(say chat hi -N -o out -w '%{time_starttransfer} %{time_total}')
	jq -en --arg t "$t" '($t|split(" ")|map(tonumber)) as $x | $x[0] >= 0.12 and $x[1] >= 0.34 and $x[1] < 10'
}

@test "raw: bytes go out as they are, repeated, binary too, and end as told" {
	sim_script '{"match":{"user":"bin"},"reply":{"raw":[{"bytes":"a\u0000\n","times":2},{"base64":"/wA="}],"content_type":"x/y","status":502}}' \
	    '{"match":{"user":"reset"},"reply":{"raw":[{"bytes":"x"}],"end":"reset"}}'
	same "$(say chat bin -D head | od -An -tx1 | tr -d ' ')" 61000a61000aff00
	has "$(cat head)" 'HTTP/1.1 502'
	has "$(cat head)" 'content-type: x/y'
	run say chat reset -o out
	same "$status" 56
}

@test "match: format, model glob, system, history, tool, turn and tool result each decide" {
	sim_script '{"match":{"format":"gemini"},"reply":{"text":"G"}}' \
	    '{"match":{"model":"claude-9*"},"reply":{"text":"M"}}' \
	    '{"match":{"system":"terse"},"reply":{"text":"S"}}' \
	    '{"match":{"tool_result":"4C","has_tool_result":true},"reply":{"text":"R{{tool_result:1}}/{{tool_result:2/temp}}"}}' \
	    '{"match":{"tool":"weather"},"reply":{"text":"T"}}' \
	    '{"match":{"turn":1,"history":"Oslo"},"reply":{"text":"H"}}'
	same "$(say gemini x | text)" G
	same "$(echo '{"model":"claude-9-x","max_tokens":1,"stream":true,"messages":[{"role":"user","content":"x"}]}' | anthropic | text)" M
	same "$(echo '{"model":"c","max_tokens":1,"stream":true,"system":[{"type":"text","text":"be terse"}],"messages":[{"role":"user","content":"x"}]}' | anthropic | text)" S
	same "$(echo '{"model":"c","stream":true,"input":[{"role":"user","content":"x"},{"type":"function_call","call_id":"1","name":"f","arguments":"{}"},{"type":"function_call","call_id":"2","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"1","output":"4C"},{"type":"function_call_output","call_id":"2","output":"{\"temp\":\"5C\"}"}]}' | openai | text)" R4C/5C
	same "$(echo '{"model":"c","stream":true,"tools":[{"type":"function","function":{"name":"weather"}}],"messages":[{"role":"user","content":"x"}]}' | chat | text)" T
	same "$(echo '{"model":"c","stream":true,"messages":[{"role":"user","content":"Oslo"},{"role":"assistant","content":"ok"},{"role":"user","content":"x"}]}' | chat | text)" H
	same "$(say chat x | jq -r .error.message)" 'rkat-sim: no rule matches: format chat, model "llama-x", turn 0, user "x"'
}

@test "match: nth counts the requests for which the rest held, also past other winners" {
	sim_script '{"match":{"user":"a","nth":1},"reply":{"text":"1"}}' \
	    '{"match":{"user":"a","nth":3},"reply":{"text":"3"}}' \
	    '{"reply":{"text":"-"}}'
	same "$(for i in b a b a a a; do say chat $i | text; done)" -1--3-
}

@test "tool results: arguments keep their bytes, templates in them are escaped" {
	sim_script '{"reply":{"tool_calls":[{"id":"c","name":"f","args":{"q":"<{{user}}>","n":9007199254740993,"n":1e400,"s":"\ud800"}}]}}'
	same "$(say chat 'say \"hi\"' | data | jq -rj '.choices[0]?.delta.tool_calls[0]?.function.arguments // empty')" \
	    '{"q":"<say \"hi\">","n":9007199254740993,"n":1e400,"s":"\ud800"}'
}

@test "templates: the word behind a text, such as an id, can be given back" {
	sim_script '{"reply":{"text":"<{{user:(id: }}> <{{user:no such }}> <{{user:from }}>"}}'
	same "$(say chat 'REQUEST from a.b-c_1 (id: 01a1-fd)' | text)" "<01a1-fd> <> <a.b-c_1>"
}

@test "big answers: 10 MB of deltas arrive whole" {
	sim_script '{"reply":{"repeat":{"text":"0123456789","times":1000000},"chunk":2000}}'
	same "$(say anthropic hi | text | wc -c)" 10000000
}

@test "scripts: a bad rule is named with its line, exit status 2" {
	bad() {
		printf '%s\n' '# comment' '' "$1" >bad.jsonl
		run rkat-sim script bad.jsonl
		same "$status" 2
		has "$output" "bad.jsonl: line 3: $2"
	}
	bad '{"reply":{"text":"x"},"mach":{}}' '/: unknown key "mach"'
	bad '{"match":{"usr":"x"},"reply":{}}' '/match: unknown key "usr"'
	bad '{"match":{"turn":"1"},"reply":{}}' '/match/turn: want an integer from 0 on'
	bad '{"match":{"nth":0},"reply":{}}' '/match/nth: counts from 1'
	bad '{"match":{"format":"bard"},"reply":{}}' '/match/format: "bard" is none of'
	bad '{"match":{}}' '/reply: missing'
	bad '{"reply":{"text":"x",}}' 'not JSON: want a string at byte 21'
	bad '{"reply":{"text":"x","status":500}}' '/reply: an error status has no text'
	bad '{"reply":{"error":{"message":"x"}}}' '/reply: error and retry_after need an error status'
	bad '{"reply":{"stop":"fin"}}' '/reply/stop: "fin" is none of'
	bad '{"reply":{"raw":[{"base64":"?"}]}}' '/reply/raw/0/base64: not base64'
	bad '{"reply":{"tool_calls":[{"args":{}}]}}' '/reply/tool_calls/0/name: missing'
	bad '{"reply":{"tool_calls":[{"name":"f","args":[]}]}}' '/reply/tool_calls/0/args: want an object'
	bad '{"reply":{"headers":{"x":"a\r\nb: c"}}}' '/reply/headers/x: holds a control character'
	bad '{"reply":{"headers":{"content-length":"1"}}}' '/reply/headers: cannot set'
	bad '{"reply":{"cut_after":1,"hang_after":1}}' '/reply: more than one of'
	bad '{"reply":{"text":"a","text":"b"}}' '/reply/text: given twice'
	bad '{"reply":{"repeat":{"text":"xxxx","times":99999999999}}}' '/reply/repeat: more than 256 MiB'
	run rkat-sim script nowhere.jsonl
	same "$status" 1
	has "$output" nowhere.jsonl
	: >empty.jsonl
	run rkat-sim script empty.jsonl
	same "$status" 2
}

@test "options: wrong ones are usage errors, help and version go to stdout" {
	for args in '' 'nonsense' 'script' 'echo x' 'record d' '--upstream http://x echo' '--port x echo' '--port 99999 echo' '--chunk -1 echo' '--nope echo'; do
		run rkat-sim $args
		same "$status" 2
	done
	run rkat-sim --host example.org echo
	same "$status" 2
	has "$output" 'want an IP address'
	run rkat-sim --help
	same "$status" 0
	has "$output" 'script FILE'
	run rkat-sim --version
	same "$status" 0
	sim echo
	run rkat-sim --port "$(cat "$T/sim.port")" echo
	same "$status" 1
	has "$output" 'cannot listen'
}

@test "echo: says what was said, and what the tool said" {
	sim echo
	same "$(say chat hello | text)" 'You said: hello'
	same "$(echo '{"contents":[{"role":"user","parts":[{"text":"x"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"content":"4C","error":false}}}]}]}' | gemini | text)" 'The tool said: 4C'
}

@test "log: one line per request, the body raw, keys redacted" {
	sim echo
	echo '{"model":"m", "n":9007199254740993,
		"stream":true,"messages":[{"role":"user","content":"x"}]}' | chat -H 'authorization: Bearer topsecret' >/dev/null
	say gemini x >/dev/null
	curl -sS "$SIM/v1beta/models/m:generateContent?key=topsecret&a=b" -d '{"contents":[{"parts":[{"text":"x"}]}]}' >/dev/null
	same "$(wc -l <"$T/sim.log")" 3
	lacks "$(cat "$T/sim.log")" topsecret
	lacks "$(cat "$T/sim.log")" sim-key
	same "$(head -n 1 "$T/sim.log" | jq -c '[.n,.format,.method,.path,.model,.rule,.headers.authorization]')" '[1,"chat","POST","/v1/chat/completions","m",2,"[redacted]"]'
	has "$(head -n 1 "$T/sim.log")" '"n":9007199254740993,"stream"'
	same "$(tail -n 1 "$T/sim.log" | jq -r .query)" 'a=b'
}

@test "log: lines of concurrent requests are whole; 64 clients at once are served" {
	sim_script '{"reply":{"text":"Hello {{user}}","chunk":1,"chunk_delay_ms":5}}'
	pids=()
	for i in $(seq 1 64); do
		{ say anthropic "client-$i" | text >"out.$i"; } &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in $(seq 1 64); do
		same "$(cat "out.$i")" "Hello client-$i"
	done
	same "$(jq -s 'map(.n)|sort == [range(1;65)]' "$T/sim.log")" true
}

@test "routes: models, health, and a clear 404 or 405" {
	sim_script '{"match":{"model":"my-model"},"reply":{}}' '{"match":{"model":"x*"},"reply":{}}'
	same "$(curl -sS "$SIM/v1/models" | jq -c '.data|map(.id)')" '["sim","my-model"]'
	same "$(curl -sS "$SIM/health")" '{"status":"ok"}'
	same "$(curl -sS -o out -w '%{http_code}' "$SIM/v1/nope")" 404
	has "$(cat out)" 'no such route: GET /v1/nope'
	same "$(curl -sS -o out -w '%{http_code}' "$SIM/v1/messages")" 405
	same "$(jq -r .type out)" error
}

# wrong FORMAT BODY MESSAGE [STATUS]: refused with that message.
wrong() {
	local code
	code=$(echo "$2" | "$1" -o refused -w '%{http_code}')
	same "$code" "${4:-400}"
	has "$(jq -r .error.message refused)" "$3"
}

@test "strict: anthropic requests that the real API refuses are refused" {
	sim_script '{"reply":{"text":"ok"}}'
	local m='"model":"c","max_tokens":9' u='{"role":"user","content":"x"}'
	local use='{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{}}]}'
	wrong anthropic '{"model":"c","messages":['"$u"']}' 'max_tokens: Field required'
	wrong anthropic '{'"$m"',"messages":[]}' 'at least one message'
	wrong anthropic '{'"$m"',"seed":1,"messages":['"$u"']}' 'seed: Extra inputs are not permitted'
	wrong anthropic '{'"$m"',"messages":[{"role":"system","content":"x"}]}' 'Unexpected role "system"'
	wrong anthropic '{'"$m"',"messages":[{"role":"robot","content":"x"}]}' 'messages.0.role'
	wrong anthropic '{'"$m"',"messages":[{"role":"user","content":""}]}' 'non-empty content'
	wrong anthropic '{'"$m"',"messages":[{"role":"user","content":[]}]}' 'non-empty content'
	wrong anthropic '{'"$m"',"messages":[{"role":"user","content":[{"type":"text","text":" "}]}]}' 'non-whitespace'
	wrong anthropic '{'"$m"',"messages":[{"role":"user","content":[{"type":"txt"}]}]}' 'messages.0.content.0: Input tag "txt"'
	wrong anthropic '{'"$m"',"messages":[{"role":"assistant","content":"x"}]}' 'first message must use'
	wrong anthropic '{'"$m"',"messages":['"$u,$use,$u"']}' 'messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1'
	wrong anthropic '{'"$m"',"messages":['"$u,$use"']}' 'without `tool_result`'
	wrong anthropic '{'"$m"',"messages":['"$u,$use"',{"role":"user","content":[{"type":"text","text":"x"},{"type":"tool_result","tool_use_id":"t1","content":"y"}]}]}' 'without `tool_result`'
	wrong anthropic '{'"$m"',"messages":['"$u"',{"role":"assistant","content":"y"},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t9","content":"y"}]}]}' 'unexpected `tool_use_id`'
	wrong anthropic '{'"$m"',"messages":['"$u"',{"role":"assistant","content":[{"type":"thinking","thinking":"x"},{"type":"text","text":"y"}]},'"$u"']}' 'signature: Field required'
	wrong anthropic '{'"$m"',"tools":[{"name":"a b","input_schema":{"type":"object"}}],"messages":['"$u"']}' 'should match pattern'
	wrong anthropic '{'"$m"',"tools":[{"name":"a"}],"messages":['"$u"']}' 'input_schema: Field required'
	wrong anthropic '{'"$m"',"thinking":{"type":"enabled","budget_tokens":2000},"messages":['"$u"']}' 'must be greater than `thinking.budget_tokens`'
	same "$(curl -sS -o /dev/null -w '%{http_code}' "$SIM/v1/messages" -d '{}')" 401
	same "$(echo '{'"$m"',"stream":true,"messages":['"$u,$use"',{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"y"},{"type":"text","text":"x"}]}]}' | anthropic | text)" ok
}

@test "strict: openai, chat and gemini requests that would be refused are refused" {
	sim_script '{"reply":{"text":"ok"}}'
	local u='{"role":"user","content":"x"}'
	wrong openai '{"input":"x"}' "Missing required parameter: 'model'"
	wrong openai '{"model":"m","input":"x","seed":1}' "Unknown parameter: 'seed'"
	same "$(jq -c '[.error.code,.error.param]' refused)" '["unknown_parameter","seed"]'
	wrong openai '{"model":"m","input":[]}' 'empty array'
	wrong openai '{"model":"m","input":[{"role":"robot","content":"x"}]}' 'Invalid value: "robot"'
	wrong openai '{"model":"m","input":[{"role":"user","content":[{"type":"text","text":"x"}]}]}' 'Invalid value: "text"'
	wrong openai '{"model":"m","input":['"$u"',{"type":"function_call_output","call_id":"c1","output":"x"}]}' 'No tool call found for function call output with call_id c1'
	wrong openai '{"model":"m","input":['"$u"',{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}]}' 'No tool output found for function call c1'
	wrong openai '{"model":"m","input":[{"type":"reasoning","id":"rs_1","summary":[]},'"$u"']}' 'without its required following item'
	wrong openai '{"model":"m","max_output_tokens":3,"input":"x"}' 'Expected a value >= 16'
	wrong chat '{"model":"m","messages":['"$u"',{"role":"assistant","content":null,"tool_calls":[]}]}' 'empty array'
	wrong chat '{"model":"m","messages":['"$u"',{"role":"assistant","content":null}]}' 'got null'
	wrong chat '{"model":"m","messages":['"$u"',{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},'"$u"']}' 'did not have response messages: c1'
	wrong chat '{"model":"m","messages":['"$u"',{"role":"tool","tool_call_id":"c1","content":"x"}]}' "must be a response to a preceeding message"
	wrong gemini '{"contents":[]}' 'contents is not specified'
	wrong gemini '{"contents":[{"role":"assistant","parts":[{"text":"x"}]}]}' 'valid role: user, model'
	wrong gemini '{"contents":[{"role":"user","parts":[]}]}' 'must not be empty'
	wrong gemini '{"max_tokens":1,"contents":[{"parts":[{"text":"x"}]}]}' 'Unknown name "max_tokens"'
	local call='{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}},{"functionCall":{"name":"g","args":{}}}]}'
	local user='{"role":"user","parts":[{"text":"x"}]}'
	wrong gemini '{"contents":['"$user,$call"',{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]}]}' 'equal to the number of function call parts'
	wrong gemini '{"contents":['"$user,$call,$user"']}' 'equal to the number of function call parts'
	wrong gemini '{"contents":['"$call"']}' 'function call turn comes immediately after a user turn'
	wrong gemini '{"contents":['"$user"'],"tools":[{"functionDeclarations":[{"name":"f"}]},{"google_search":{}}]}' 'Tool use with function calling is unsupported'
	wrong gemini '{"contents":['"$user"'],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"object","$schema":"x"}}]}]}' 'Unknown name "$schema"'
	same "$(curl -sS "$SIM/v1beta/models/gemini-3-pro:generateContent" -H 'x-goog-api-key: k' -d '{"contents":['"$user"',{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{}}}]}]}' | jq -r .error.message | cut -c1-51)" 'Function call is missing a thought_signature in fun'
}

@test "lax: what a provider would refuse is served" {
	printf '%s\n' '{"reply":{"text":"ok"}}' >s.jsonl
	sim --lax script s.jsonl
	same "$(curl -sS "$SIM/v1/messages" -d '{"stream":true}' | text)" ok
}

@test "record and replay: the same bytes come back, and no key is on disk" {
	sim_script '{"match":{"user":"leak"},"reply":{"status":401,"error":{"message":"wrong key sk-topsecret-1 here"}}}' \
	    '{"match":{"user":"cut"},"reply":{"text":"abcdef","chunk":1,"drop_after":3}}' \
	    '{"reply":{"thinking":"Hm.","text":"Grüße {{n}}","chunk":2}}'
	second
	sim record --upstream "$up" rec
	key='x-goog-api-key: sk-topsecret-1'
	for f in anthropic openai chat gemini; do
		say $f hi -H "$key" >$f.1
	done
	say gemini leak -H 'x-goog-api-key: sk-topsecret-1' -H 'authorization: Bearer sk-topsecret-1' >leak.1
	say chat cut >cut.1 || rc=$?
	same "$rc" 18
	sim_stop
	same "$(ls rec | tr '\n' ' ')" '0001.json 0002.json 0003.json 0004.json 0005.json 0006.json '
	lacks "$(cat rec/*)" sim-key
	lacks "$(cat rec/*)" topsecret
	has "$(cat rec/0005.json)" 'wrong key [redacted] here'
	same "$(jq -c '[.request.method,.request.path,.request.body.model,.response.status,(.response.events|type)]' rec/0001.json)" '["POST","/v1/messages","claude-x",200,"array"]'
	sim replay rec
	for f in gemini chat openai anthropic; do
		say $f hi >$f.2
		cmp $f.1 $f.2
	done
	same "$(say gemini leak -o out -w '%{http_code}')" 401
	rc=0
	say chat cut >cut.2 2>/dev/null || rc=$?
	same "$rc" 18
	cmp cut.1 cut.2
	has "$(say chat hi | jq -r .error.message)" 'all 6 recorded exchanges are used'
}

@test "replay: another body falls back to the same user text, else the first difference is named" {
	sim echo
	second
	sim record --upstream "$up/" rec
	echo '{"model":"m","messages":[{"role":"user","content":"a"}],"seed":1}' | chat >/dev/null
	echo '{"model":"m","messages":[{"role":"user","content":"b"}],"seed":1}' | chat >/dev/null
	sim replay rec
	same "$(echo '{"model":"m","messages":[{"role":"user","content":"b"}],"seed":2}' | chat | jq -r '.choices[0].message.content')" 'You said: b'
	same "$(echo '{"model":"m","messages":[{"role":"user","content":"c"}],"seed":1}' | chat | jq -r .error.message)" \
	    'rkat-sim: no recorded exchange matches: 0001.json differs at /messages/0/content: recorded "a", got "c"'
	has "$(say gemini x | jq -r .error.message)" '0001.json, is for /v1/chat/completions'
	echo '{"request":{}}' >rec/0003.json
	run rkat-sim replay rec
	same "$status" 2
	has "$output" 'rec/0003.json: /request: want method, path and body'
}

@test "record: an upstream that is not there is a 502 in the provider's shape" {
	sim record --upstream http://127.0.0.1:1 rec
	same "$(say anthropic x -o out -w '%{http_code}')" 502
	has "$(jq -r .error.message out)" 'rkat-sim: upstream:'
	same "$(ls rec)" ''
	run rkat-sim --host 0.0.0.0 record --upstream http://127.0.0.1:1 rec
	same "$status" 2
}

# raw_http TEXT: send these bytes, print what comes until the server closes.
raw_http() {
	python3 - "$(cat "$T/sim.port")" "$1" <<'END'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.settimeout(20)
s.sendall(sys.argv[2].encode().decode("unicode_escape").encode("latin-1"))
out = b""
while True:
    got = s.recv(65536)
    if not got:
        break
    out += got
sys.stdout.buffer.write(out)
END
}

@test "hostile: what is not HTTP gets a 400 and the server goes on" {
	sim echo
	has "$(raw_http '\x16\x03\x01\x02\x00\x01')" 'HTTP/1.1 400'
	has "$(raw_http 'GARBAGE\r\n\r\n')" 'HTTP/1.1 400'
	has "$(raw_http 'GET /\x00 HTTP/1.1\r\n\r\n')" 'HTTP/1.1 400'
	has "$(raw_http 'POST /v1/messages HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n')" 'HTTP/1.1 400'
	has "$(raw_http 'POST /v1/messages HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n')" 'HTTP/1.1 400'
	has "$(raw_http 'POST /v1/messages HTTP/1.1\r\ncontent-length: -1\r\n\r\n')" 'HTTP/1.1 400'
	has "$(raw_http 'POST /v1/messages HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n')" 'HTTP/1.1 413'
	has "$(raw_http 'POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n')" 'HTTP/1.1 400'
	has "$(raw_http 'POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nfffffffff\r\n')" 'HTTP/1.1 413'
	has "$(raw_http "GET / HTTP/1.1\r\nx: $(head -c 70000 /dev/zero | tr '\0' x)")" 'HTTP/1.1 431'
	same "$(say chat x | text)" 'You said: x'
}

@test "hostile: bodies that are not what they should be are refused in the provider's shape" {
	sim_script '{"match":{"user":"yyyy"},"reply":{"text":"long"}}' '{"reply":{"text":"short"}}'
	wrong chat 'not json' 'the body is not JSON'
	wrong anthropic '[1]' 'the body is not a JSON object'
	wrong openai '{"model":"m","input":"x"' 'the body is not JSON'
	python3 -c 'print("{\"model\":\"m\",\"messages\":"+"["*300000+"]"*300000+"}")' >deep
	same "$(chat <deep -o out -w '%{http_code}')" 400
	python3 -c 'import json; print(json.dumps({"model":"m","stream":True,"messages":[{"role":"user","content":"y"*60000000}]}))' >huge
	same "$(chat <huge -H 'expect: 100-continue' | text)" long
	head -c 70000000 /dev/zero | tr '\0' x >huge
	same "$(chat <huge -o out -w '%{http_code}')" 413
	same "$(say chat x | text)" short
}

@test "hostile: half a request and a slow drip are ended by the deadline, others are served meanwhile" {
	sim --timeout 300 echo
	has "$(raw_http 'POST /v1/messages HT')" 'HTTP/1.1 408'
	has "$(raw_http 'POST /v1/messages HTTP/1.1\r\ncontent-length: 10\r\n\r\nabc')" 'HTTP/1.1 408'
	same "$(raw_http '')" ''
	python3 - "$(cat "$T/sim.port")" <<'END'
import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for c in b"POST /v1/messages HTTP":
    s.send(bytes([c]))
    time.sleep(0.02)
s.settimeout(20)
assert b" 408 " in s.recv(4096)
END
	same "$(say chat x | text)" 'You said: x'
}

@test "keep-alive: requests follow on one connection, pipelined and chunked too" {
	sim echo
	same "$(curl -sS -o out -o out -w '%{num_connects}' "$SIM/health" "$SIM/health")" 10
	same "$(raw_http 'GET /health HTTP/1.1\r\n\r\nGET /health HTTP/1.1\r\nconnection: close\r\n\r\n' | grep -c '"ok"')" 2
	body='{"model":"m","messages":[{"role":"user","content":"x"}]}'
	same "$(echo "$body" | chat -H 'transfer-encoding: chunked' | jq -r '.choices[0].message.content')" 'You said: x'
	has "$(raw_http 'GET /health HTTP/1.0\r\n\r\n')" '"ok"'
}

@test "end: SIGTERM and SIGINT end it cleanly, also with clients that hang" {
	for s in TERM INT; do
		sim_script '{"reply":{"hang_after":0}}'
		say chat x -N >/dev/null 2>&1 &
		wait_for grep -q '"n":1' "$T/sim.log"
		kill -$s "$SIM_PID"
		rc=0
		wait "$SIM_PID" || rc=$?
		same "$rc" 0
		rm "$T/sim.port" "$T/sim.pid" "$T/sim.log"
		SIM_PID=
	done
}

@test "examples: every script loads, and the hello agent calls two tools and remembers" {
	for f in "$BATS_TEST_DIRNAME"/../examples/sim/*.jsonl; do
		rm -f "$T/sim.port"
		sim script "$f"
		kill "$SIM_PID"
		wait "$SIM_PID"
		rm "$T/sim.pid"
	done
	rm "$T/sim.port"
	sim script "$BATS_TEST_DIRNAME/../examples/sim/hello.jsonl"
	local tools='"tools":[{"type":"function","function":{"name":"shell"}}]'
	local u='{"role":"user","content":"Please list the files."}'
	local a='{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"shell","arguments":"{}"}},{"id":"2","type":"function","function":{"name":"datetime","arguments":"{}"}}]}'
	local r='{"role":"tool","tool_call_id":"1","content":"{\"stdout\":\"README\\n\"}"},{"role":"tool","tool_call_id":"2","content":"{\"date\":\"2026-04-10\",\"weekday\":\"Friday\"}"}'
	same "$(echo '{"model":"m",'"$tools"',"messages":['"$u"']}' | chat | jq -c '.choices[0].message.tool_calls|map(.function.name)')" '["shell","datetime"]'
	same "$(echo '{"model":"m",'"$tools"',"messages":['"$u,$a,$r"']}' | chat | jq -r '.choices[0].message.content')" 'It is Friday, 2026-04-10, and these files are here:

README'
	has "$(echo '{"model":"m","messages":['"$u,$a,$r"',{"role":"assistant","content":"ok"},{"role":"user","content":"What do you remember?"}]}' | chat | jq -r '.choices[0].message.content')" 'Yes: you asked me to list the files'
	has "$(say chat 'remember?' | text)" 'No, this conversation'
}
