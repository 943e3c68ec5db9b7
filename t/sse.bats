load helper

# rest [ARGS]: rkat-rest on a free port, or where it was before; its address is $URL.
rest() {
	: >"$T/err"	# of one before
	rkat-rest --rest="${AT:-127.0.0.1:0}" "$@" >"$T/out" 2>"$T/err" 3>&- &
	R=$!
	wait_for grep -q 'http://' "$T/err"
	URL=$(grep -o 'http://[0-9.:]*' "$T/err" | head -n 1)
	AT=${URL#http://}
}
local_teardown() { { kill "$R" "${READERS[@]}"; wait "$R" "${READERS[@]}"; } 2>/dev/null || :; }
READERS=()

# watch FILE [QUERY [CURL ARGS]]: a reader of $ID into FILE, which has its stream then.
watch() {
	local f=$1 q=${2-}
	shift $(($# < 2 ? $# : 2))
	curl -sSN "$@" "$URL/sessions/$ID/events$q" >"$f" 2>&1 3>&- &
	READERS+=($!)
	wait_for grep -q session_loaded "$f"
}
# What a reader got: the log's lines, and what is not of the log.
lines() { sed -n 's/^data: \({"event_id".*\)/\1/p' "$1"; }
ids() { sed -n 's/^id: //p' "$1"; }
# ends FILE N: N runs have come to their end there.
ends() { [ "$(grep -c '^event: run_\(completed\|failed\)' "$1")" -eq "$2" ]; }
log() { cat "$(realm_dir)/events/$ID.jsonl"; }
made() { ID=$(rkat run --json "${1:-hi}" | jq -r .session_id); }

@test "sse: first session_loaded, then each event with its id, its name and its line" {
	sim echo
	made
	rest
	watch "$T/a" '' -D "$T/head"
	has "$(cat "$T/head")" 'text/event-stream'
	has "$(cat "$T/head")" 'cache-control: no-cache'
	same "$(head -n 3 "$T/a")" "$(printf 'event: session_loaded\ndata: {"message_count":3,"session_id":"%s"}\n\n' "$ID")"
	curl -sS -X POST -H 'Content-Type: application/json' -d '{"prompt":"more"}' "$URL/sessions/$ID/messages" >/dev/null
	wait_for ends "$T/a" 1
	log | sed '1,/"type":"run_completed"/d' | jq -r --unbuffered '"\(.seq) \(.payload.type)"' >"$T/want"
	same "$(sed 1,3d "$T/a" | sed -n '/^id: /{N;s/^id: \(.*\)\nevent: /\1 /p}')" "$(cat "$T/want")"
	same "$(lines "$T/a")" "$(log | sed '1,/"type":"run_completed"/d')"
	# Four lines an event, nothing else.
	same "$(sed 1,3d "$T/a" | grep -vc '^id: \|^event: \|^data: \|^$')" 0
	same "$(sed 1,3d "$T/a" | wc -l)" "$(($(wc -l <"$T/want") * 4))"
}

@test "sse: unknown sessions and bad places are refused, with the sheet's text" {
	sim echo
	made
	rest
	ask() { curl -sS -m 5 -w ' %{http_code}' "$@"; }
	same "$(ask "$URL/sessions/00000000-0000-7000-8000-000000000000/events")" \
	    '{"error":"Session not found: 00000000-0000-7000-8000-000000000000","code":"NOT_FOUND"} 404'
	has "$(ask "$URL/sessions/nope/events")" ' 400'
	has "$(ask "$URL/sessions/$ID/events?after=x")" ' 400'
	has "$(ask -H 'Last-Event-ID: 1x' "$URL/sessions/$ID/events")" ' 400'
	has "$(ask -H 'Last-Event-ID: -1' "$URL/sessions/$ID/events")" ' 400'
	has "$(ask -H 'Last-Event-ID: 99999999999999999999' "$URL/sessions/$ID/events")" ' 400'
	has "$(ask -I "$URL/sessions/$ID/events")" 'text/event-stream'
}

@test "sse: a reader goes on behind its last event; the header is younger than the URL" {
	sim echo
	made
	rest
	watch "$T/a" '?after=0'
	wait_for ends "$T/a" 1
	same "$(lines "$T/a")" "$(log)"
	watch "$T/b" '?after=1' -H 'Last-Event-ID: 4'
	wait_for ends "$T/b" 1
	same "$(lines "$T/b")" "$(log | tail -n +5)"
	watch "$T/c" "?after=$(ids "$T/a" | tail -n 1)"
	rkat resume "$ID" more >/dev/null
	wait_for ends "$T/c" 1
	same "$(lines "$T/c")" "$(log | sed '1,/"type":"run_completed"/d')"
}

@test "sse: an id that the session never reached is no place to wait at: what happens is told" {
	sim echo
	made
	rest
	watch "$T/a" '' -H 'Last-Event-ID: 4711'
	rkat resume "$ID" more >/dev/null
	wait_for ends "$T/a" 1
	same "$(lines "$T/a")" "$(log | sed '1,/"type":"run_completed"/d')"
}

@test "sse: runs of other processes show, failed ones with their end" {
	sim_script '{"match":{"user":"bad"},"reply":{"status":400,"error":{"type":"x","message":"no such thing"}}}' '{"reply":{"text":"fine"}}'
	made
	rest
	watch "$T/a"
	rkat resume "$ID" more >/dev/null
	rkat resume "$ID" bad >/dev/null 2>&1 || :
	wait_for ends "$T/a" 2
	same "$(lines "$T/a")" "$(log | sed '1,/"type":"run_completed"/d')"
	same "$(grep '^event: ' "$T/a" | tail -n 1)" 'event: run_failed'
}

@test "sse: killed with SIGKILL in the middle of a run and started again: nothing is lost, nothing comes twice" {
	sim_script '{"match":{"user":"slow"},"reply":{"text":"abcdefghijklmnopqrst","chunk":1,"chunk_delay_ms":80}}' '{"reply":{"text":"fine"}}'
	made
	rest
	watch "$T/1" '?after=0'
	rkat resume "$ID" slow >/dev/null 3>&- &	# survives the server
	local run=$!
	wait_for grep -q '"delta":"e"' "$T/1"
	kill -9 "$R"
	wait "$R" || :
	wait "${READERS[0]}" || :
	rest
	watch "$T/2" '' -H "Last-Event-ID: $(ids "$T/1" | tail -n 1)"
	wait "$run"
	curl -sS -X POST -H 'Content-Type: application/json' -d '{"prompt":"more"}' "$URL/sessions/$ID/messages" >/dev/null
	all() { cat "$T/1" "$T/2" >"$T/all" && ends "$T/all" 3; }
	wait_for all
	same "$(cat "$T/1" "$T/2" | grep '^id: ')" "$(seq -f 'id: %.0f' "$(log | wc -l)")"
	same "$(lines "$T/1"; lines "$T/2")" "$(log)"
}

@test "sse: 50 readers of one session get the same events" {
	sim echo
	made
	rest
	for n in $(seq 50); do
		curl -sSN "$URL/sessions/$ID/events" >"$T/r$n" 2>&1 3>&- &
		READERS+=($!)
	done
	all() { [ "$(grep -l session_loaded "$T"/r* | wc -l)" -eq 50 ]; }
	wait_for all
	curl -sS -X POST -H 'Content-Type: application/json' -d '{"prompt":"more"}' "$URL/sessions/$ID/messages" >/dev/null
	all() { [ "$(grep -l 'event: run_completed' "$T"/r* | wc -l)" -eq 50 ]; }
	wait_for all
	same "$(cat "$T"/r* | sed 1,3d | md5sum)" "$(for n in $(seq 50); do cat "$T/r1"; done | sed 1,3d | md5sum)"
	same "$(lines "$T/r1")" "$(log | sed '1,/"type":"run_completed"/d')"
}

@test "sse: at the end of the server a run's last events come, then done; the server leaves at once" {
	sim_script '{"match":{"user":"slow"},"reply":{"text":"abcdefghij","chunk":1,"hang_after":4}}' '{"reply":{"text":"fine"}}'
	made
	rest
	watch "$T/a"
	curl -sS -X POST -H 'Content-Type: application/json' -d '{"prompt":"slow"}' "$URL/sessions/$ID/messages" >"$T/answer" 2>&1 3>&- &
	READERS+=($!)
	wait_for grep -q '"delta":"a"' "$T/a"
	kill "$R"
	kill "$R"	# said twice: what runs is interrupted
	S=0
	wait "$R" || S=$?
	same "$S" 0
	wait "${READERS[0]}"
	same "$(tail -n 3 "$T/a")" "$(printf 'event: done\ndata: {}\n\n')"
	same "$(lines "$T/a")" "$(log | sed '1,/"type":"run_completed"/d')"
}

@test "sse: a reader that keeps its connection does not keep the server from leaving" {
	sim echo
	made
	rest
	timeout 30 python3 "$BATS_TEST_DIRNAME/http_raw.py" raw "${URL##*:}" "GET /sessions/$ID/events HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n" '!get' '!20000' >"$T/a" 3>&- &
	READERS+=($!)
	subscribed() { curl -sS "$URL/metrics" | grep -qx 'rkat_http_subscribers 1'; }
	wait_for subscribed
	SECONDS=0
	kill "$R"
	S=0
	wait "$R" || S=$?
	same "$S" 0
	[ "$SECONDS" -lt 15 ]	# the reader stays for 20 s
}

@test "sse: session_loaded counts the messages that the session has, not those it had" {
	sim echo
	made
	rest
	curl -sS -X POST -H 'Content-Type: application/json' -d '{"prompt":"more","system_prompt":"NEW"}' "$URL/sessions/$ID/messages" >/dev/null
	watch "$T/a"
	same "$(head -n 2 "$T/a")" "$(printf 'event: session_loaded\ndata: {"message_count":%s,"session_id":"%s"}' "$(curl -sS "$URL/sessions/$ID" | jq .message_count)" "$ID")"
}

@test "sse: a stream stays open when its session is archived" {
	sim echo
	made
	rest
	watch "$T/a" '?after=0'
	curl -sS -X DELETE "$URL/sessions/$ID" >/dev/null
	watch "$T/b" '?after=0'
	kill -0 "${READERS[0]}"
	kill "$R"
	wait "${READERS[0]}" "${READERS[1]}"
	same "$(lines "$T/a")" "$(lines "$T/b")"
	same "$(tail -n 3 "$T/a")" "$(printf 'event: done\ndata: {}\n\n')"
}

# limit LINE...: the server's limits, in $T/limits.
limit() { printf '%s\n' "$@" >"$T/limits"; }

@test "sse: a reader that takes nothing is cut off alone, with a name; runs and the others go on" {
	sim_script '{"match":{"user":"big"},"reply":{"repeat":{"text":"0123456789abcdef","times":100000},"chunk":4096,"chunk_delay_ms":0}}' '{"reply":{"text":"fine"}}'
	made big
	rkat resume "$ID" big >/dev/null 2>&1
	rkat resume "$ID" big >/dev/null 2>&1	# 15 MB: more than sockets hold
	limit 'stall_seconds = 1'
	rest --limits "$T/limits"
	mkfifo "$T/pipe"
	curl -sSN "$URL/sessions/$ID/events?after=0" >"$T/pipe" 2>&1 3>&- &
	READERS+=($!)
	exec 8<"$T/pipe"
	read -r l <&8
	same "$l" "event: session_loaded"
	watch "$T/a"
	rkat resume "$ID" small >/dev/null
	wait_for ends "$T/a" 1
	dropped() { curl -sS "$URL/metrics" | grep -q 'cut_off_total 1$'; }
	wait_for dropped
	# It wakes up: what was on its way, then the word for it; the rest it can ask for.
	cat <&8 >"$T/b"
	exec 8<&-
	same "$(tail -n 3 "$T/b" | cut -c1-200)" "$(printf 'event: stream_truncated\ndata: {"type":"stream_truncated","reason":"channel full"}\n\n')"
	watch "$T/c" "?after=$(ids "$T/b" | tail -n 1)"
	wait_for grep -q '"result":"fine"' "$T/c"
	same "$({ lines "$T/b"; lines "$T/c"; } | md5sum)" "$(log | md5sum)"
	same "$(lines "$T/a")" "$(log | tail -n "$(lines "$T/a" | wc -l)")"
}

@test "sse: a quiet stream says that it is there, one that is not quiet does not" {
	sim_script '{"match":{"user":"slow"},"reply":{"text":"abcdefghijklmnopqrst","chunk":1,"chunk_delay_ms":100}}' '{"reply":{"text":"fine"}}'
	made
	limit 'keep_alive_seconds = 1'
	rest --limits "$T/limits"
	watch "$T/a"
	rkat resume "$ID" slow >/dev/null
	wait_for ends "$T/a" 1
	same "$(sed -n '/^event: run_started/,$p' "$T/a" | sed '/^event: run_completed/q' | grep -c '^: keep-alive$')" 0
	wait_for grep -q '^: keep-alive$' "$T/a"
	same "$(tail -n 2 "$T/a")" "$(printf ': keep-alive\n\n')"
}

@test "sse: an event that is longer than the limit of buffered bytes gets through" {
	sim_script '{"reply":{"repeat":{"text":"0123456789abcdef","times":4000},"chunk":64000,"chunk_delay_ms":0}}'
	made
	limit 'buffered_bytes = 4096'
	rest --limits "$T/limits"
	watch "$T/a" '?after=0'
	wait_for ends "$T/a" 1
	[ "$(wc -L <"$T/a")" -gt 60000 ]
	same "$(lines "$T/a")" "$(log)"
}
