load helper

new_session() { S=$(rkat-session create "$@"); }

# say SESSION JSON: a message straight into the transcript.
say() {
	db "UPDATE sessions SET total = total + 1 WHERE id = '$1';
	    INSERT INTO messages(session, idx, created_ms, body)
	    SELECT id, total - 1, 0, '${2//\'/\'\'}' FROM sessions WHERE id = '$1'"
}

# event SESSION SEQ PAYLOAD
event() {
	printf '{"event_id":"0193a3b4-0000-7000-8000-000000000000","source_id":"session:%s","seq":%d,"timestamp_ms":1,"payload":%s}\n' \
	    "$1" "$2" "$3" >>"$(realm_dir)/events/$1.jsonl"
}

@test "create prints the id of a session that list shows" {
	new_session --label team=a
	run rkat-session list
	[ "$status" -eq 0 ]
	same "${lines[0]}" "$(printf '%-40s %-72s %-12s %-20s %-20s LABELS' ID SESSION_REF MESSAGES CREATED UPDATED)"
	same "${#lines[1]}" 200
	has "${lines[2]}" "$S "
	has "${lines[2]}" "test:$S "
	has "${lines[2]}" " team=a"
	same "${#lines[@]}" 3
}

@test "without labels the table has no such column and a rule of 170" {
	new_session
	run rkat-session list
	same "${lines[0]}" "$(printf '%-40s %-72s %-12s %-20s %-20s' ID SESSION_REF MESSAGES CREATED UPDATED)"
	same "${#lines[1]}" 170
	same "${#lines[2]}" 168
}

@test "a realm without sessions lists nothing and is not made by looking" {
	run rkat-session list
	[ "$status" -eq 0 ]
	same "$output" "No sessions found."
	run rkat-session list --json
	same "$output" "[]"
	[ ! -e "$RKAT_STATE_ROOT" ]
	run rkat-session show last
	[ "$status" -eq 10 ]
	has "$output" "No sessions found in this realm"
	[ ! -e "$RKAT_STATE_ROOT" ]
}

@test "list filters by every label, pages, and hides archived sessions" {
	new_session --label a=1 --label b=x=y; A=$S
	new_session --label a=1; B=$S
	new_session
	same "$(rkat-session list --json | jq length)" 3
	same "$(rkat-session list --json --label a=1 | jq -r '.[].session_id')" "$B
$A"
	same "$(rkat-session list --json --label a=1 --label b=x=y | jq -r '.[].session_id')" "$A"
	same "$(rkat-session list --json --limit 1 --offset 1 | jq -r '.[].session_id')" "$B"
	rkat-session delete "$B"
	same "$(rkat-session list --json | jq length)" 2
	same "$(rkat-session list --json --archived | jq '.[] | select(.archived) | .session_id')" "\"$B\""
}

@test "show prints the transcript as the sheet has it" {
	new_session
	say "$S" '{"role":"system","content":"You are X."}'
	say "$S" '{"role":"user","content":[{"type":"text","text":"look"},{"type":"image","media_type":"image/png","source":"blob","blob_id":"b"}]}'
	say "$S" '{"role":"block_assistant","blocks":[{"block_type":"reasoning","data":{"text":"hm"}},{"block_type":"text","data":{"text":"two\nlines"}},{"block_type":"tool_use","data":{"id":"t1","name":"shell","args":{}}}],"stop_reason":"tool_use"}'
	say "$S" '{"role":"tool_results","results":[{"tool_use_id":"t1","content":"ok","is_error":false},{"tool_use_id":"t2","content":"bad","is_error":true}]}'
	say "$S" '{"role":"system_notice","kind":"background_job","body":"done"}'
	say "$S" '{"role":"assistant","content":"old","tool_calls":[{"id":"1","name":"a","args":{}},{"id":"2","name":"b","args":{}}],"stop_reason":"end_turn"}'
	run rkat-session show "$S"
	[ "$status" -eq 0 ]
	same "$output" "Session: $S
Session Ref: test:$S
Messages: 6
Version: 1
============================================================

[1] SYSTEM:
  You are X.

[2] USER:
  look
[image: image/png]

[3] ASSISTANT (blocks):
  [thinking] hm
  two
lines
  Tool call: shell

[4] TOOL RESULTS:
  [OK] t1: ok
  [ERROR] t2: bad

[5] SYSTEM NOTICE (BackgroundJob):
  done

[6] ASSISTANT:
  old
  Tool calls: [\"a\", \"b\"]"
}

@test "show cuts long text at whole characters" {
	new_session
	long=$(printf 'é%.0s' $(seq 300))
	say "$S" "{\"role\":\"block_assistant\",\"blocks\":[{\"block_type\":\"text\",\"data\":{\"text\":\"x$long\"}}],\"stop_reason\":\"end_turn\"}"
	rkat-session show "$S" >out
	iconv -f utf-8 -t utf-8 out >/dev/null
	same "$(tail -n 1 out | wc -c)" $((2 + 499 + 3 + 1))
}

@test "show --json tells what a session is" {
	new_session --label a=b
	say "$S" '{"role":"block_assistant","blocks":[{"block_type":"text","data":{"text":"hel"}},{"block_type":"text","data":{"text":"lo"}}],"stop_reason":"end_turn"}'
	run rkat-session show --json last
	same "$(jq -r '[.session_id, .session_ref, .message_count, .is_active, .last_assistant_text, .labels.a, .archived, .usage.cache_read_tokens] | @csv' <<<"$output")" \
	    "\"$S\",\"test:$S\",1,false,\"hello\",\"b\",false,"
}

@test "history prints messages as they are kept, byte for byte" {
	new_session
	for n in $(seq 0 3); do
		say "$S" "{\"role\":\"user\",\"content\":\"$n\",\"x\":9007199254740993e0}"
	done
	run rkat-session history "$S" --offset 1 --limit 2
	same "$output" '{"role":"user","content":"1","x":9007199254740993e0}
{"role":"user","content":"2","x":9007199254740993e0}'
	same "$(rkat-session history last | wc -l)" 4
	same "$(rkat-session history last --offset 99)" ""
	same "$(rkat-session history last --limit 0)" ""
}

@test "history over many messages comes in pages and in order" {
	new_session
	db "UPDATE sessions SET total = 200; WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199)
	    INSERT INTO messages(session, idx, created_ms, body) SELECT '$S', i, 0, i FROM n"
	same "$(rkat-session history "$S")" "$(seq 0 199)"
	same "$(rkat-session history "$S" --limit 128 --offset 3)" "$(seq 3 130)"
}

@test "references: newest, second newest, prefix, locator" {
	new_session; A=$S
	new_session; B=$S
	for ref in last '~' '~0' '~1' "$B" "test:$B" "${B^^}"; do
		same "$(rkat-session show --json "$ref" | jq -r .session_id)" "$B"
	done
	same "$(rkat-session show --json '~2' | jq -r .session_id)" "$A"
	run rkat-session show '~3'
	[ "$status" -eq 10 ]
	has "$output" "Only 2 sessions exist; ~3 is out of range"
	run rkat-session show '~x'
	[ "$status" -eq 2 ]
	has "$output" "Invalid relative offset '~x': expected ~N where N is a number"
	run rkat-session show "other:$A"
	[ "$status" -eq 2 ]
	has "$output" "Session belongs to realm 'other', but active realm is 'test'"
	run rkat-session show nothing
	[ "$status" -eq 10 ]
	has "$output" "No session matching 'nothing'"
}

@test "an ambiguous prefix lists candidates and does nothing" {
	new_session; A=$S
	new_session; B=$S
	run rkat-session delete "${A:0:6}"
	[ "$status" -eq 2 ]
	has "$output" "Ambiguous prefix '${A:0:6}': matches 2 sessions. Use a longer prefix."
	has "$output" "$A"
	has "$output" "$B"
	same "$(rkat-session list --json | jq length)" 2
}

@test "wrong arguments are complained of, with what the verb takes" {
	local v
	for v in delete interrupt show inputs; do
		run rkat-session "$v"
		[ "$status" -eq 2 ]
		has "$output" "INVALID_PARAMS: wrong arguments; usage: rkat-session $v"
	done
	run rkat-session check --bogus
	[ "$status" -eq 2 ]
	has "$output" "unknown option --bogus; usage: rkat-session check"
}

@test "delete archives: hidden from the list, still readable by its id" {
	new_session
	run rkat-session delete "$S"
	[ "$status" -eq 0 ]
	same "$output" "Deleted session: $S
Session Ref: test:$S"
	same "$(rkat-session list)" "No sessions found."
	same "$(rkat-session show --json "$S" | jq .archived)" true
	run rkat-session delete "$S"
	[ "$status" -eq 10 ]
	has "$output" "Failed to delete session: session not found: $S"
	run rkat-session input "$S" hi
	[ "$status" -eq 10 ]
	run rkat-session context "$S" hi
	[ "$status" -eq 10 ]
}

@test "interrupt of an idle session succeeds, of an unknown one does not" {
	new_session
	run rkat-session interrupt "$S"
	[ "$status" -eq 0 ]
	same "$output" "Interrupted session: $S
Session Ref: test:$S"
	run rkat-session interrupt 0193a3b4-0000-7000-8000-000000000000
	[ "$status" -eq 10 ]
	has "$output" "Failed to interrupt session: session not found: 0193a3b4-0000-7000-8000-000000000000"
}

@test "input is queued once by its key" {
	new_session
	run rkat-session input "$S" --key k1 'hello "x"'
	[ "$status" -eq 0 ]
	I=$(jq -r .input <<<"$output")
	same "$output" "{\"input\":\"$I\",\"status\":\"accepted\"}"
	run rkat-session input "$S" --key k1 other
	same "$output" "{\"input\":\"$I\",\"status\":\"deduplicated\"}"
	printf 'from stdin\n' | rkat-session input "$S" --mode steer -
	run rkat-session inputs "$S"
	same "$(jq -r '.body.content' <<<"$output")" 'from stdin
hello "x"'
	same "$(jq -r '.mode + " " + .state' <<<"$output")" 'steer queued
queue queued'
}

@test "input --lines admits each line of stdin" {
	new_session
	seq 1 100 | rkat-session input "$S" --lines --batch 7 >out
	same "$(wc -l <out)" 100
	same "$(rkat-session inputs "$S" | jq -r .body.content)" "$(seq 1 100)"
	run bash -c "printf 'good\n\nbad\xff\n' | rkat-session input $S --lines"
	[ "$status" -eq 2 ]
	has "$output" "stdin: line 3: text: want UTF-8"
	same "$(rkat-session inputs "$S" | wc -l)" 100
}

@test "context is staged once by its key, a conflict is refused" {
	new_session
	same "$(rkat-session context "$S" "Deploy is frozen." --source mob --key k)" '{"status":"staged"}'
	same "$(rkat-session context "$S" " Deploy is frozen. " --source mob --key k)" '{"status":"duplicate"}'
	run rkat-session context "$S" "Else" --source mob --key k
	[ "$status" -eq 2 ]
	has "$output" "system-context idempotency conflict for key 'k'"
	run rkat-session context "$S" "  "
	[ "$status" -eq 2 ]
	has "$output" "system context text must not be empty"
}

@test "events prints whole envelopes, after a sequence number, or payloads alone" {
	NO_EVENTS_CHECK=1	# made up
	new_session
	same "$(rkat-session events "$S")" ""
	event "$S" 1 '{"type":"a","n":1e400}'
	event "$S" 2 '{"type":"b"}'
	printf '{"event_id":"torn' >>"$(realm_dir)/events/$S.jsonl"
	same "$(rkat-session events "$S" | jq -c .seq)" "1
2"
	same "$(rkat-session events "$S" --payload)" '{"type":"a","n":1e400}
{"type":"b"}'
	same "$(rkat-session events "$S" --after 1 --payload)" '{"type":"b"}'
}

@test "events --follow waits for a log that is not there yet and ends with its reader" {
	NO_EVENTS_CHECK=1	# made up
	new_session
	rkat-session events "$S" --follow --payload >out 3>&- &
	P=$!
	event "$S" 1 '{"type":"a"}'
	wait_for grep -q '"a"' out
	event "$S" 2 '{"type":"b"}'
	wait_for grep -q '"b"' out
	kill "$P"
	wait "$P" || true
	timeout 10 rkat-session events "$S" --follow | head -n 1 >one
	same "$(wc -l <one)" 1
}

@test "64 processes make sessions in one fresh realm at once" {
	local pids=()
	for n in $(seq 64); do
		rkat-session create >"id.$n" 2>>errors 3>&- &
		pids+=("$!")
	done
	wait "${pids[@]}"
	same "$(cat errors)" ""
	same "$(cat id.* | sort -u | wc -l)" 64
	same "$(rkat-session list --json --limit 100 | jq length)" 64
	same "$(rkat-session check)" "ok: $(realm_dir)/realm.sqlite3"
}

@test "hostile option values are refused by name and change nothing" {
	new_session
	before=$(db 'SELECT count(*), max(updated_ms) FROM sessions')
	while IFS='|' read -r args what; do
		run bash -c "rkat-session $args"
		[ "$status" -eq 2 ] || { echo "$args: status $status"; return 1; }
		has "$output" "$what"
		[ "${#lines[@]}" -le 2 ] || { echo "$args: $output"; return 1; }
	done <<-'END'
	list --limit|usage
	list --limit x|--limit
	list --limit -1|--limit
	list --limit 99999999999999999999|--limit
	list --offset ''|--offset
	list --label nope|expected key=value
	list extra|usage
	list --nope|unknown option --nope
	show|usage
	show a b|usage
	show ''|empty session reference
	history --limit 1e3 last|--limit
	events --after x last|--after
	create --label a|expected key=value
	create --label =b|expected key=value
	create --label role=x|reserved
	create extra|usage
	create --tools all|--tools: want safe
	create --provider acme|--provider: want anthropic
	create --model ''|--model: the value is empty
	create --max-tokens 0|--max-tokens
	create --max-tokens 1e9|--max-tokens
	create --max-tokens 4294967296|--max-tokens: want
	create --param nope|expected KEY=VALUE
	create --params-json [1]|must be a JSON object
	create --params-json {|Invalid --params-json
	create --schema /no/such|Failed to read schema file
	create --schema '{"type":3}'|schema
	create --sandbox maybe|sandbox
	export --format xml last|--format: want
	export|usage
	import|usage
	import /dev/null|/dev/null
	input last --mode fast x|--mode
	input last ''|text: empty
	input last --key '' x|--key: empty
	input last --lines --key k|--key
	input|usage
	blob get sha256:../../etc/passwd|invalid blob id
	blob put x|usage
	-r 'a b' list|invalid explicit realm id: a b
	-r a --isolated list|cannot be used together
	list --realm|--realm: a value is required
	--realm-backend mongo list|want sqlite or jsonl
	--state-root= list|--state-root: empty
	frobnicate|unknown verb
	END
	same "$(db 'SELECT count(*), max(updated_ms) FROM sessions')" "$before"
	run rkat-session
	[ "$status" -eq 2 ]
}

@test "with --json an error is one line of JSON on stderr" {
	new_session
	run rkat-session show --json nope
	[ "$status" -eq 10 ]
	same "$(jq -r .error.code <<<"$output")" SESSION_NOT_FOUND
	same "${#lines[@]}" 1
}

@test "a database of a newer schema is refused and left alone" {
	new_session
	db 'PRAGMA user_version = 99'
	run rkat-session list
	[ "$status" -eq 1 ]
	has "$output" "REALM_TOO_NEW"
	has "$output" "newer rkat"
	has "$output" "nothing was changed; take the rkat that wrote it"
	same "$(db 'PRAGMA user_version')" 99
}

@test "check finds a damaged database" {
	new_session
	db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	printf 'damage' | dd of="$(realm_dir)/realm.sqlite3" bs=1 seek=8200 conv=notrunc 2>/dev/null
	for i in 1 2 3 4 5 6 7 8; do
		dd if=/dev/urandom of="$(realm_dir)/realm.sqlite3" bs=4096 seek=$i count=1 conv=notrunc 2>/dev/null
	done
	run rkat-session check
	[ "$status" -eq 1 ]
	has "$output" "STORAGE_ERROR"
}

@test "a state root that cannot be written is a clear error" {
	export RKAT_STATE_ROOT=/proc/no/such
	run rkat-session create
	[ "$status" -eq 1 ]
	has "$output" "STORAGE_ERROR"
	has "$output" "/proc/no"
	: >"$T/file"
	RKAT_STATE_ROOT=$T/file run rkat-session create
	[ "$status" -eq 1 ]
	has "$output" "STORAGE_ERROR"
}

@test "a read-only state root is a clear error" {
	unshare -rm true 2>/dev/null || skip "no user namespaces"
	new_session
	run unshare -rm sh -c "mount --bind '$RKAT_STATE_ROOT' '$RKAT_STATE_ROOT' &&
	    mount -o remount,ro,bind '$RKAT_STATE_ROOT' || exit 77
	    rkat-session input last x; rkat-session -r new create"
	[ "$status" -ne 77 ] || skip "no bind mounts"
	[ "$status" -eq 1 ]
	has "$output" "STORAGE_ERROR: $RKAT_STATE_ROOT/test/realm.sqlite3: cannot be written"
	has "$output" "STORAGE_ERROR: $RKAT_STATE_ROOT/new: Read-only file system"
	rkat-session input "$S" x >/dev/null
	rkat-session check
}

@test "a full disk is a clear error and loses nothing that was told" {
	new_session
	rkat-session input "$S" first >/dev/null
	big=$(printf 'x%.0s' $(seq 60000))
	run bash -c "trap '' XFSZ; ulimit -f 64; while rkat-session input $S $big; do :; done"
	has "$output" "STORAGE_ERROR"
	told=$(grep -c accepted <<<"$output" || true)
	run rkat-session check
	[ "$status" -eq 0 ]
	same "$(rkat-session inputs "$S" | wc -l)" $((told + 1))
	rkat-session input "$S" again >/dev/null
	same "$(rkat-session inputs "$S" | wc -l)" $((told + 2))
}

@test "blob get gives the bytes, a file, or JSON" {
	new_session
	D=$(printf 'aGk=')
	H=$(printf 'text/plain\0%s' "$D" | sha256sum | cut -c1-64)
	mkdir -p "$(realm_dir)/blobs/${H:0:2}"
	printf '{"media_type":"text/plain","data":"%s"}' "$D" >"$(realm_dir)/blobs/${H:0:2}/$H.json"
	same "$(rkat-session blob get "sha256:$H")" hi
	rkat-session blob get "sha256:$H" --output out
	same "$(cat out)" hi
	same "$(rkat-session blob get --json "sha256:$H")" "{
  \"blob_id\": \"sha256:$H\",
  \"media_type\": \"text/plain\",
  \"data\": \"$D\"
}"
	run rkat-session blob get "sha256:${H//[0-9]/a}"
	[ "$status" -eq 1 ]
	has "$output" "blob not found"
}

@test "help and version answer on stdout" {
	run rkat-session --help
	[ "$status" -eq 0 ]
	has "$output" "usage: rkat-session"
	run rkat-session list --help
	[ "$status" -eq 0 ]
	run rkat-session --version
	[ "$status" -eq 0 ]
}

@test "under --json every error is one JSON line, wherever the switch stands" {
	new_session
	for args in "list --limit x --json" "show --json nothing" "show nothing --json" "--json --realm"; do
		run rkat-session $args
		[ "$status" -ne 0 ]
		same "${#lines[@]}" 1
		jq -e .error.code <<<"$output" >/dev/null
	done
}

@test "a session without --max-tokens has the configuration's agent.max_tokens_per_turn" {
	rkat-config patch '{"max_tokens":9000,"agent":{"max_tokens_per_turn":4000}}'
	new_session
	same "$(db "SELECT json_extract(meta, '$.max_tokens') FROM sessions WHERE id = '$S'")" 4000
	new_session --max-tokens 77
	same "$(db "SELECT json_extract(meta, '$.max_tokens') FROM sessions WHERE id = '$S'")" 77
}

@test "a label with a line break or an escape stays one row of the list" {
	new_session --label "$(printf 'a=1\n\0332')"
	same "$(rkat-session list | wc -l)" 3
	has "$(rkat-session list)" "a=1  2"
}

@test "blob get writes to the pipe or through the link that stands at its output" {
	new_session
	D=aGk= H=$(printf 'text/plain\0aGk=' | sha256sum | cut -c1-64)
	mkdir -p "$(realm_dir)/blobs/${H:0:2}"
	printf '{"media_type":"text/plain","data":"%s"}' "$D" >"$(realm_dir)/blobs/${H:0:2}/$H.json"
	mkfifo pipe
	timeout 30 cat pipe >got 3>&- &
	timeout 30 rkat-session blob get "sha256:$H" --output pipe
	wait $!
	same "$(cat got)" hi
	[ -p pipe ]
	ln -s target link
	echo old >target
	rkat-session blob get "sha256:$H" --output link
	[ -L link ]
	same "$(cat target)" hi
}

@test "create takes the options of a session as run does" {
	S=$(rkat-session create --system-prompt "You are Y." --app-context '{"a":1}' \
	    --params-json '{"x":1,"y":2}' --param x=a --param x=b)
	same "$(db "SELECT json_extract(meta, '$.provider_params') FROM sessions WHERE id = '$S'")" \
	    '{"y":2,"x":"b"}'
	same "$(db "SELECT json_extract(build, '$.app_context') FROM sessions WHERE id = '$S'")" '{"a":1}'
	run rkat-session create --label "a=$(printf '\377')"
	[ "$status" -eq 2 ]
	has "$output" "--label: not UTF-8"
	[ "$(db 'SELECT count(*) FROM sessions')" -eq 1 ]
}

@test "create keeps what it was asked for" {
	S=$(rkat-session create --model gpt-5.2 --system "You are X." --tools workspace --label a=b \
	    --params-json '{"a":1,"b":2e400}' --param a=x --instructions one --instructions two \
	    --schema '{"type":"object"}' --max-tokens 77 --sandbox strict)
	same "$(db "SELECT json_extract(meta, '$.provider', '$.max_tokens', '$.tooling.shell', '$.tooling.memory', '$.provider_params.a') FROM sessions")" \
	    '["open_a_i",77,"enable","disable","x"]'
	has "$(db 'SELECT meta FROM sessions')" '"provider_params":{"b":2e400,"a":"x"}'
	same "$(db "SELECT json_extract(build, '$.system_prompt', '$.additional_instructions') FROM sessions")" \
	    '["You are X.",["one","two"]]'
	same "$(rkat-session show --json "$S" | jq -r '.model + " " + .provider')" "gpt-5.2 openai"
	same "$(rkat-session create --json | jq -r 'keys | join(",")')" session_id
}

# A session with every kind of message and an image in the blob store.
rich() {
	new_session --label a=b --system "You are X."
	H=$(printf 'image/png\0aGk=' | sha256sum | cut -c1-64)
	mkdir -p "$(realm_dir)/blobs/${H:0:2}"
	printf '{"media_type":"image/png","data":"aGk="}' >"$(realm_dir)/blobs/${H:0:2}/$H.json"
	say "$S" '{"role":"system","content":"You are X."}'
	say "$S" "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"look\"},{\"type\":\"image\",\"media_type\":\"image/png\",\"source\":\"blob\",\"blob_id\":\"sha256:$H\"}]}"
	say "$S" '{"role":"block_assistant","blocks":[{"block_type":"tool_use","data":{"id":"t1","name":"shell","args":{"n":9007199254740993,"type":"image","source":"blob","blob_id":"x"}}}],"stop_reason":"tool_use"}'
	say "$S" '{"role":"tool_results","results":[{"tool_use_id":"t1","content":"ok","is_error":false}]}'
	say "$S" '{"role":"block_assistant","blocks":[{"block_type":"text","data":{"text":"done"}}],"stop_reason":"end_turn"}'
}

@test "export and import carry a session whole into another realm" {
	rich
	rkat-session export "$S" >doc.json
	same "$(jq -r '.messages[1].content[1] | .source + " " + .data' doc.json)" "inline aGk="
	has "$(cat doc.json)" '"n":9007199254740993'
	same "$(jq -c '.metadata.session_labels' doc.json)" '{"a":"b"}'
	I=$(rkat-session -r other import --keep-id doc.json)
	same "$I" "$S"
	rkat-session -r other export "$S" >again.json
	cmp doc.json again.json
	same "$(rkat-session -r other history "$S")" "$(rkat-session history "$S")"
	N=$(rkat-session import - <doc.json)
	[ "$N" != "$S" ]
	same "$(rkat-session history "$N")" "$(rkat-session history "$S")"
	run rkat-session import --keep-id doc.json
	[ "$status" -eq 1 ]
	has "$output" "session exists: $S"
}

@test "a document that was pretty-printed becomes messages of one line each" {
	new_session
	say "$S" '{"role":"block_assistant","blocks":[{"block_type":"tool_use","data":{"id":"t1","name":"a","args":{"k":"two\\nlines","n":1e400}}}],"stop_reason":"tool_use"}'
	rkat-session export "$S" | sed 's/[[{,]/&\n  /g' >doc.json
	I=$(rkat-session import doc.json)
	same "$(rkat-session history "$I")" "$(rkat-session history "$S")"
	same "$(rkat-session export "$I" | wc -l)" 1
}

@test "import refuses what is no session, by its place, and leaves nothing" {
	rich
	rkat-session export "$S" >doc.json
	before=$(db 'SELECT count(*) FROM sessions'; db 'SELECT count(*) FROM messages')
	while IFS='|' read -r edit what; do
		jq "$edit" doc.json >bad.json
		run rkat-session import bad.json
		[ "$status" -eq 2 ] || { echo "$edit: $status $output"; return 1; }
		has "$output" "$what"
	done <<-'END'
	.version = 2|/version: want 1
	.id = "x"|/id: want a UUID
	.messages = 3|/messages: want an array
	.messages[0] = 3|/messages/0: want an object
	.messages[1].role = "boss"|/messages/1/role: unknown: "boss"
	.messages[1].content[0].type = "smell"|/messages/1/content/0/type: unknown
	.messages[1].content[1].data = null|/messages/1/content/1/data: want a string
	.messages[1].content = 3|/messages/1/content: want a string or an array
	.messages[2].blocks[0].data.id = 3|/messages/2/blocks/0/data/id: want a string
	.messages[3].results[0].tool_use_id = "t2"|/messages/3: result for 't2'
	.messages[3].results[0].is_error = "no"|/messages/3/results/0/is_error
	.messages[4].stop_reason = null|/messages/4/stop_reason: want a string
	.messages[4] = .messages[0]|/messages/4: a system message is only ever the first
	.usage.input_tokens = -1|/usage/input_tokens
	.usage.output_tokens = 9000000000000000000|/usage/output_tokens
	.usage.cache_read_tokens = "x"|/usage/cache_read_tokens
	.created_at = "today"|/created_at
	.metadata.session_labels.a = 1|/metadata/session_labels
	.metadata.session_metadata = []|/metadata/session_metadata
	.metadata = 1|/metadata
	END
	printf '{"id":' >bad.json
	run rkat-session import bad.json
	[ "$status" -eq 2 ]
	has "$output" bad.json
	same "$(db 'SELECT count(*) FROM sessions'; db 'SELECT count(*) FROM messages')" "$before"
}

@test "export --format gives the body for each provider" {
	rich
	same "$(rkat-session export "$S" --format anthropic | jq -r '.messages[0].content[1].source.data')" aGk=
	has "$(rkat-session export "$S" --format openai | jq -c .input)" '"function_call_output"'
	has "$(rkat-session export "$S" --format chat | jq -c .messages)" '"tool_call_id":"t1"'
	has "$(rkat-session export "$S" --format gemini | jq -c .contents)" '"functionResponse"'
	for f in anthropic openai chat gemini; do
		has "$(rkat-session export "$S" --format "$f")" 9007199254740993
	done
}

# A stand-in for a turn: holds the lock, listens to the bell, ends when it hears $2.
turn() {
	python3 - "$(realm_dir)/run/$1" "$2" 3>&- <<-'END' &
	import fcntl, os, socket, struct, sys
	base, wanted = sys.argv[1:]
	fd = os.open(base + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
	fcntl.flock(fd, fcntl.LOCK_EX)
	fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
	bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	bell.bind(base + ".sock")
	while bell.recv(16).decode() not in wanted:
	    pass
	END
	TURN=$!
	wait_for test -S "$(realm_dir)/run/$1.sock"
}

@test "interrupt rings the turn's bell and waits until it let go" {
	new_session
	turn "$S" i
	same "$(rkat-session list --json | jq '.[].is_active')" true
	run rkat-session interrupt --json "$S"
	[ "$status" -eq 0 ]
	same "$(jq -r .status <<<"$output")" interrupted
	wait "$TURN"
	same "$(rkat-session show --json "$S" | jq .is_active)" false
}

@test "new input rings the bell of a turn that runs" {
	new_session
	turn "$S" w
	rkat-session input "$S" hello >/dev/null
	wait "$TURN"
}

@test "a turn that does not end within two seconds is said to be still ending" {
	new_session
	turn "$S" never
	run rkat-session interrupt "$S"
	kill "$TURN"
	[ "$status" -eq 0 ]
	has "$output" "has not ended within 2 s"
	has "$output" "Interrupted session: $S"
}

@test "following events ends when the socket that reads them is closed" {
	new_session
	run python3 -c '
import socket, subprocess, sys
a, b = socket.socketpair()
p = subprocess.Popen(["rkat-session", "events", "--follow", sys.argv[1]], stdout=b)
b.close()
a.close()
try: sys.exit(p.wait(timeout=30))
finally: p.kill()' "$S"
	[ "$status" -eq 0 ]
}

@test "a standard output that does not block gets every byte" {
	new_session
	say "$S" "{\"role\":\"user\",\"content\":\"$(printf '%0100000d' 0)\"}"
	say "$S" "{\"role\":\"user\",\"content\":\"$(printf '%0100000d' 0)\"}"
	run python3 -c '
import os, subprocess, sys
r, w = os.pipe()
os.set_blocking(w, False)
p = subprocess.Popen(["rkat-session", "history", sys.argv[1]], stdout=w)
os.close(w)
n = 0
while d := os.read(r, 65536): n += len(d)
print(n, p.wait())' "$S"
	same "$output" "200058 0"
}

@test "show: on a terminal what was said cannot drive it" {
	sim_script '{"reply":{"text":"a\u001b]0;title\u0007b\u009bc"}}'
	rkat run --stdin off hi >/dev/null 2>&1
	has "$(rkat sessions show last | tr '\033' E)" 'aE]0;title'
	out=$(script -qec "rkat sessions show last" /dev/null </dev/null | tr '\033' E)
	has "$out" 'a?]0;title?b??c'
}

@test "a state root that is no directory is an error, not an empty list" {
	echo x >file
	run rkat-session --state-root "$PWD/file" list
	[ "$status" -eq 1 ]
	has "$output" "STORAGE_ERROR"
	run rkat --state-root "$PWD/none" sessions list
	[ "$status" -eq 0 ]
	same "$output" "No sessions found."
}
