load rpc

# prompt ID TEXT [MEMBERS [HEADER MEMBERS]]: an Input of the contract.
header() {
	echo "{\"id\":\"$1\",\"timestamp\":\"2026-04-10T14:00:00Z\",\"source\":${3:-{\"type\":\"operator\"\}},\"durability\":\"${4:-durable}\",\"visibility\":{\"transcript_eligible\":true,\"operator_eligible\":true}${2:+,$2}}"
}
prompt() { echo "{\"input_type\":\"prompt\",\"header\":$(header "$1" "${4-}"),\"text\":\"$2\"${3:+,$3}}"; }
accept() { got "$1" runtime/accept "{\"session_id\":\"$ID\",\"input\":$2}"; }
uuid() { printf '01936f8a-7b2c-7000-8000-%012d' "$1"; }
state() { got "$1" input/state "{\"session_id\":\"$ID\",\"input_id\":\"$2\"}" | jq -c .result; }
input_is() { [ "$(db "SELECT state FROM inputs WHERE id = '$1'")" = "$2" ]; }
runtime() { got "$1" runtime/state "{\"session_id\":\"$ID\"}" | jq -c .result; }

@test "rpc input: a prompt is accepted once by its key, wakes the session and is consumed; its state has the contract's members only" {
	sim echo
	rpc
	new hi
	same "$(runtime 1)" '{"state":"attached"}'
	A=$(uuid 1)
	accept 2 "$(prompt "$A" ping "" '"idempotency_key":"k"')" | jq -c .result >"$T/accepted"
	same "$(jq -c '[keys_unsorted, .outcome_type, .input_id, .state.current_state]' "$T/accepted")" \
	    "[[\"outcome_type\",\"input_id\",\"policy\",\"state\"],\"accepted\",\"$A\",\"queued\"]"
	same "$(jq -c .policy "$T/accepted")" '{"apply_mode":"stage_run_start","wake_mode":"wake_if_idle","queue_mode":"fifo","consume_point":"on_run_complete","drain_policy":"queue_next_turn","routing_disposition":"queue","record_transcript":true,"emit_operator_content":true,"policy_version":1}'
	same "$(jq -c '[.state.policy.version, .state.policy.decision == .policy, .state.durability, .state.idempotency_key, .state.attempt_count, .state.recovery_count, (.state.history | map([.from, .to]))]' "$T/accepted")" \
	    '[1,true,"durable","k",0,0,[["accepted","queued"]]]'
	same "$(jq -r .state.persisted_input.text "$T/accepted")" ping
	same "$(accept 3 "$(prompt "$(uuid 2)" pong "" '"idempotency_key":"k"')" | jq -c .result)" \
	    "{\"outcome_type\":\"deduplicated\",\"input_id\":\"$(uuid 2)\",\"existing_id\":\"$A\"}"
	wait_for input_is "$A" consumed
	state 4 "$A" >"$T/input"
	same "$(jq -c 'keys - ["input_id","current_state","policy","terminal_outcome","durability","idempotency_key","attempt_count","recovery_count","history","persisted_input","last_run_id","created_at","updated_at"]' "$T/input")" '[]'
	same "$(jq -c '[.current_state, .terminal_outcome, .attempt_count, (.history | map([.from, .to]))]' "$T/input")" \
	    '["consumed",{"outcome_type":"consumed"},1,[["accepted","queued"],["queued","applied"],["applied","consumed"]]]'
	same "$(got 5 input/list "{\"session_id\":\"$ID\"}" | jq -c .result)" '{"input_ids":[]}'
	same "$(state 6 "$(uuid 9)")" null
	same "$(db "SELECT count(*) FROM runs WHERE session = '$ID'")" 2
	told() { [ "$(types | grep -c run_completed)" -eq 2 ]; } && wait_for told
	has "$(got 7 session/read "{\"session_id\":\"$ID\"}" | jq -r .result.last_assistant_text)" ping
}

@test "rpc input: what is no input is refused with its place" {
	sim echo
	rpc
	new hi
	n=10
	bad() { n=$((n + 1)) && same "$(accept $n "$1" | jq -r '[.error.code, .error.message] | join(" ")')" "$2"; }
	bad 7 '-32602 Invalid params: /input: want an object'
	bad '{}' '-32602 Invalid params: /input/input_type: want prompt, peer, flow_step, external_event, continuation or operation'
	bad '{"input_type":"prompt","text":"x"}' '-32602 Invalid params: missing field `/input/header/id`'
	bad "$(prompt nope x)" '-32602 Invalid params: /input/header/id: want a UUID'
	bad "$(prompt "$(uuid 1)" x '"blocks":[1]')" '-32602 Invalid params: /input/blocks: want an array of content blocks'
	bad "$(prompt "$(uuid 1)" x '"turn_metadata":{"handling_mode":"soon"}')" '-32602 Invalid params: /input/turn_metadata/handling_mode: want queue or steer'
	bad "$(prompt "$(uuid 1)" x '"turn_metadata":{"model":"m"}')" '-32020 turn_metadata.model: not for queued input; turn/start takes it'
	bad "{\"input_type\":\"peer\",\"header\":$(header "$(uuid 1)" "" '{"type":"peer"}'),\"body\":\"x\"}" '-32602 Invalid params: missing field `/input/header/source/peer_id`'
	bad "{\"input_type\":\"peer\",\"header\":$(header "$(uuid 1)" "" '{"type":"peer","peer_id":"p"}'),\"body\":\"x\",\"convention\":{\"convention_type\":\"response_progress\",\"request_id\":\"r\",\"phase\":\"late\"}}" \
	    '-32602 Invalid params: /input/convention/phase: want a word of the contract'
	same "$(got 30 runtime/accept "{\"session_id\":\"$ID\"}" | jq -r .error.message)" 'Invalid params: missing field `input`'
	same "$(got 31 input/state "{\"session_id\":\"$ID\",\"input_id\":\"x\"}" | jq -r .error.message)" 'Invalid input ID'
	same "$(got 32 runtime/state "{\"session_id\":\"$(uuid 7)\"}" | jq -r .error.code)" -32001
	same "$(db 'SELECT count(*) FROM inputs WHERE given')" 0
}

@test "rpc input: rejections are results: durability, handling mode" {
	sim echo
	rpc
	new hi
	same "$(accept 1 "{\"input_type\":\"prompt\",\"header\":$(header "$(uuid 1)" "" "" derived),\"text\":\"x\"}" | jq -c .result)" \
	    '{"outcome_type":"rejected","reason":"derived durability: not from an operator, a peer or outside"}'
	same "$(accept 2 "{\"input_type\":\"flow_step\",\"header\":$(header "$(uuid 1)" "" '{"type":"flow","flow_id":"f","step_index":0}' derived),\"step_id\":\"s\",\"instructions\":\"x\"}" | jq -c '.result.reason')" \
	    '"derived durability: not for this kind of input"'
	same "$(accept 3 "{\"input_type\":\"peer\",\"header\":$(header "$(uuid 1)" "" '{"type":"peer","peer_id":"p"}'),\"body\":\"x\",\"handling_mode\":\"queue\",\"convention\":{\"convention_type\":\"response_progress\",\"request_id\":\"r\",\"phase\":\"accepted\"}}" | jq -c '.result | [.outcome_type, .reason]')" \
	    '["rejected","handling_mode is not for response_progress"]'
}

@test "rpc input: each kind has its policy; a newer progress takes the place of one that waits; operations are consumed at once" {
	slow
	rpc
	new hi
	call 1 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"slow\"}"
	wait_for grep -q '"delta":"a"' "$T/out"
	same "$(runtime 2)" '{"state":"running"}'
	policy() { jq -c '.result.policy | [.apply_mode, .wake_mode, .queue_mode, .drain_policy, .routing_disposition, .record_transcript]'; }
	progress() { echo "{\"input_type\":\"peer\",\"header\":$(header "$1" '"supersession_key":"s"' '{"type":"peer","peer_id":"p"}'),\"body\":\"$2\",\"convention\":{\"convention_type\":\"response_progress\",\"request_id\":\"r\",\"phase\":\"in_progress\"}}"; }
	same "$(accept 3 "$(progress "$(uuid 1)" half)" | policy)" '["stage_run_boundary","none","coalesce","steer_batch","steer",true]'
	accept 4 "$(progress "$(uuid 2)" most)" >/dev/null
	same "$(state 5 "$(uuid 1)" | jq -c '[.current_state, .terminal_outcome]')" \
	    "[\"coalesced\",{\"outcome_type\":\"coalesced\",\"aggregate_id\":\"$(uuid 2)\"}]"
	same "$(accept 6 "{\"input_type\":\"projected\",\"header\":$(header "$(uuid 3)" "" '{"type":"system"}'),\"operation_id\":\"o\",\"event\":{}}" |
	    jq -c '.result | [.policy.apply_mode, .policy.queue_mode, .policy.consume_point, .policy.routing_disposition, .policy.record_transcript, .state.current_state, .state.terminal_outcome]')" \
	    '["ignore","priority","on_accept","drop",false,"consumed",{"outcome_type":"consumed"}]'
	same "$(accept 7 "{\"input_type\":\"system_generated\",\"header\":$(header "$(uuid 4)" "" '{"type":"system"}'),\"reason\":\"go on\",\"handling_mode\":\"steer\"}" | policy)" \
	    '["stage_run_boundary","none","fifo","steer_batch","steer",false]'
	same "$(accept 8 "{\"input_type\":\"flow_step\",\"header\":$(header "$(uuid 5)" "" '{"type":"flow","flow_id":"f","step_index":0}'),\"step_id\":\"s\",\"instructions\":\"step one\",\"turn_metadata\":{\"additional_instructions\":[\"be brief\"]}}" | policy)" \
	    '["stage_run_start","none","fifo","queue_next_turn","queue",true]'
	same "$(accept 9 "{\"input_type\":\"external_event\",\"header\":$(header "$(uuid 6)" "" '{"type":"external","source_name":"ci"}'),\"event_type\":\"t\",\"payload\":null,\"handling_mode\":\"steer\"}" | policy)" \
	    '["stage_run_boundary","none","fifo","steer_batch","steer",true]'
	same "$(got 10 input/list "{\"session_id\":\"$ID\"}" | jq -c '.result.input_ids | length')" 5
	call 11 turn/interrupt "{\"session_id\":\"$ID\"}"
	for n in 2 4 5 6; do wait_for input_is "$(uuid $n)" consumed; done
	has "$(db "SELECT body FROM messages WHERE session = '$ID'")" '[SYSTEM NOTICE: be brief]\n\nstep one'
}

@test "rpc input: a retired session takes nothing new but works off what waits; reset forgets it and opens it again" {
	held_script
	rpc
	new hi
	call 1 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"wait\"}"
	wait_for test -e began
	accept 2 "$(prompt "$(uuid 1)" later)" >/dev/null
	same "$(got 3 runtime/retire "{\"session_id\":\"$ID\"}" | jq -c .result)" '{"inputs_abandoned":0,"inputs_pending_drain":1}'
	same "$(runtime 4)" '{"state":"retired"}'
	same "$(accept 5 "$(prompt "$(uuid 2)" no)" | jq -c .result)" \
	    '{"outcome_type":"rejected","reason":"runtime not accepting input while in state: retired"}'
	same "$(got 6 session/external_event "{\"session_id\":\"$ID\",\"payload\":1}" | jq -c .result)" \
	    '{"outcome_type":"rejected","reason":{"reject_type":"not_ready","state":"retired"}}'
	release
	same "$(reply 1 | jq -r .result.text)" ab
	wait_for input_is "$(uuid 1)" consumed
	same "$(got 7 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"x\"}" | jq -r '[.error.code, .error.message] | join(" ")')" \
	    '-32603 runtime accept failed: Runtime not ready: retired'
	same "$(got 8 runtime/reset "{\"session_id\":\"$ID\"}" | jq -c .result)" '{"inputs_abandoned":0}'
	rm -f began go
	call 9 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"wait\"}"
	wait_for test -e began
	accept 10 "$(prompt "$(uuid 3)" never)" >/dev/null
	same "$(got 11 runtime/reset "{\"session_id\":\"$ID\"}" | jq -c .result)" '{"inputs_abandoned":1}'
	same "$(state 12 "$(uuid 3)" | jq -c '[.current_state, .terminal_outcome, .history[-1].reason]')" \
	    '["abandoned",{"outcome_type":"abandoned","reason":"reset"},"reset"]'
	release
	reply 9 >/dev/null
}

# ---- who drains ----

# rkat-serve in a process group of its own, so that it dies without a word to its workers.
serve() {
	rm -f "$T/sock"
	setsid rkat-serve --unix "$T/sock" 2>"$T/err" 3>&- &
	R=$!
	wait_for listens "$T/sock"
}
# one REQUEST: its answer, over the socket.
one() { python3 - "$T/sock" "$1" <<'EOF'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\n")
f = s.makefile()
for line in f:
    if '"id":1' in line:
        print(line, end="")
        break
EOF
}
said_times() { db "SELECT count(*) FROM messages WHERE session = '$ID' AND body LIKE '%\"user\"%$1%'"; }
begun() { [ "$(grep -c '' "$T/sim.log")" -ge "$1" ]; }	# requests to the model
running() { [ "$(db "SELECT count(*) FROM runs WHERE state = 'running'")" = "$1" ]; }
runs_are() { [ "$(db "SELECT group_concat(state, ' ') FROM (SELECT state FROM runs WHERE session = '$ID' ORDER BY seq)")" = "$1" ]; }

@test "drain: an event that was acked is run exactly once by the next server, whenever the first one was killed" {
	sim_script '{"match":{"nth":1},"reply":{"text":"late","delay_ms":60000}}' '{"match":{"nth":2},"reply":{"text":"late","delay_ms":60000}}' '{"match":{"nth":3},"reply":{"text":"late","delay_ms":60000}}' '{"reply":{"text":"seen"}}'
	ID=$(rkat-session create --json | jq -r .session_id)
	serve
	for n in 1 2 3 4 5; do
		one "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session/external_event\",\"params\":{\"session_id\":\"$ID\",\"payload\":{\"mark\":\"event$n\"}}}" |
		    grep -q '"accepted"'
		[ $n -ne 5 ] || break
		[ $n -lt 2 ] || wait_for begun $((n - 1))
		kill -9 "$R"; wait "$R" || :
		serve
	done
	done_with() { [ "$(db "SELECT count(*) FROM inputs WHERE state = 'consumed'")" = 5 ]; }
	wait_for done_with
	for n in 1 2 3 4 5; do same "$(said_times "event$n")" 1; done
	same "$(db "SELECT count(*) FROM inputs WHERE state <> 'consumed'")" 0
	wait_for running 0
}

@test "drain: while another process holds the session what is accepted waits, then runs once" {
	held_script
	ID=$(rkat-session create --tools full --json | jq -r .session_id)
	rkat-turn "$ID" "wait" >"$T/turn" 2>&1 3>&- &
	turn=$!
	wait_for test -e began
	serve
	one "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"runtime/accept\",\"params\":{\"session_id\":\"$ID\",\"input\":$(prompt "$(uuid 1)" afterwards)}}" |
	    jq -c '.result | [.outcome_type, .policy.wake_mode]' >"$T/answer"
	same "$(cat "$T/answer")" '["accepted","none"]'
	kill -9 "$R"; wait "$R" || :
	serve
	one '{"jsonrpc":"2.0","id":1,"method":"session/list"}' >/dev/null
	input_is "$(uuid 1)" queued
	release
	wait "$turn"
	wait_for input_is "$(uuid 1)" consumed
	same "$(said_times afterwards)" 1
	runs_are 'completed completed'
}

@test "drain: a server that starts closes the run that died with the last one, so that watchers see its end" {
	sim_script '{"reply":{"text":"slowly","chunk":1,"hang_after":4}}'
	ID=$(rkat-session create --json | jq -r .session_id)
	serve
	{ one "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"turn/start\",\"params\":{\"session_id\":\"$ID\",\"prompt\":\"x\"}}" || :; } >/dev/null 2>&1 3>&- &
	wait_for grep -q text_delta "$(realm_dir)/events/$ID.jsonl"
	kill -9 "$R"; wait "$R" || :
	serve
	closed() { tail -n 1 "$(realm_dir)/events/$ID.jsonl" | grep -q run_failed; }
	wait_for closed
	runs_are interrupted
}

@test "drain: input that was queued without a wake stays for the session's next run" {
	sim echo
	ID=$(rkat-session create --json | jq -r .session_id)
	rkat-session input "$ID" "by hand" >/dev/null
	serve
	one "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session/list\"}" >/dev/null
	same "$(db 'SELECT state, wake FROM inputs')" 'queued|0'
	same "$(one "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"input/list\",\"params\":{\"session_id\":\"$ID\"}}" | jq '.result.input_ids | length')" 1
	kill "$R"; wait "$R" || :
	same "$(db 'SELECT state FROM inputs')" queued
}

@test "drain: SIGTERM leaves a drained event for the next server, which runs it" {
	sim_script '{"match":{"nth":1},"reply":{"text":"slowly","chunk":1,"hang_after":4}}' '{"reply":{"text":"fine"}}'
	ID=$(rkat-session create --json | jq -r .session_id)
	serve
	one "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session/external_event\",\"params\":{\"session_id\":\"$ID\",\"payload\":1}}" >/dev/null
	wait_for grep -q text_delta "$(realm_dir)/events/$ID.jsonl"
	kill "$R"
	wait_for test ! -S "$T/sock"
	kill "$R"; wait "$R" || :	# twice: at once
	same "$(db 'SELECT state FROM inputs')" applied
	serve
	settled() { [ "$(db 'SELECT state, attempts FROM inputs')" = 'consumed|2' ]; }
	wait_for settled
	runs_are 'interrupted completed'
}

@test "rpc input: however many events wake a session, its client is told each line once" {
	sim echo
	rpc
	new hi
	N0=$(grep -c '"session/event"' "$T/out")
	for n in 1 2 3 4 5; do call $n session/external_event "{\"session_id\":\"$ID\",\"payload\":{\"n\":$n}}"; done
	over() { [ "$(db "SELECT count(*) FROM inputs WHERE kind = 'external_event' AND state = 'consumed'")" -eq 5 ] && [ "$(runtime 9 | tail -n 1)" = '{"state":"attached"}' ]; }
	wait_for over
	end
	same "$(jq -r 'select(.method == "session/event") | .params.event.seq' "$T/out" | sort -n | uniq -d)" ""
	[ "$(grep -c '"session/event"' "$T/out")" -gt "$N0" ]
}

@test "rpc input: runtime and input methods take a bare UUID, in any form" {
	sim echo
	rpc
	new hi
	REALM=$(got 1 session/read "{\"session_id\":\"$ID\"}" | jq -r .result.session_ref)
	n=1
	for m in runtime/state runtime/accept runtime/retire runtime/reset input/state input/list; do
		n=$((n + 1))
		same "$(got $n $m "{\"session_id\":\"$REALM\",\"input_id\":\"x\",\"input\":{}}" | jq -r '"\(.error.code) \(.error.message)"')" '-32602 Invalid session ID'
	done
	same "$(got 20 runtime/state "{\"session_id\":\"urn:uuid:$ID\"}" | jq -c .result)" '{"state":"attached"}'
	same "$(got 21 input/state "{\"session_id\":\"{$ID}\",\"input_id\":\"${ID//-/}\"}" | jq -c .result)" null
}

@test "rpc input: what was there before is on disk, too, when it is told of" {
	command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null || skip "needs strace"
	sim echo
	printf '#!/bin/sh\nexec strace -o "%s/trace" -e trace=fdatasync rkat-rpc "$@"\n' "$T" >"$T/spy"
	chmod +x "$T/spy"
	RPC=$T/spy
	rpc
	ID=$(got 1 session/create '{"prompt":"x","initial_turn":"deferred"}' | jq -r .result.session_id)
	synced() { grep -c fdatasync "$T/trace"; }
	n=1
	for m in 'session/inject_context {"session_id":"ID","text":"t","idempotency_key":"k"}' \
	    'runtime/accept {"session_id":"ID","input":'"$(prompt "$(uuid 1)" ping "" '"idempotency_key":"k"')"'}'; do
		for again in 0 1; do
			n=$((n + 1))
			BEFORE=$(synced)
			has "$(got $n "${m%% *}" "$(echo "${m#* }" | sed "s/ID/$ID/")")" '"result"'
			[ "$(synced)" -gt "$BEFORE" ]
		done
	done
}

@test "rpc input: what another process works off, the client that asked hears of as of our own, once" {
	sim_script '{"match":{"user":"theirs"},"reply":{"text":"for them"}}' '{"reply":{"text":"for us"}}'
	rpc
	new hi
	rkat-session input "$ID" "theirs" >/dev/null
	kill -STOP "$SIM_PID"	# until we have said more
	rkat-turn --drain "$ID" >"$T/other" 2>&1 </dev/null 3>&- 9>&- &
	other=$!
	wait_for grep -q run_started "$T/other"
	has "$(got 1 session/external_event "{\"session_id\":\"$ID\",\"source\":\"cron\",\"payload\":{\"n\":1}}")" accepted
	kill -CONT "$SIM_PID"
	wait "$other"
	same "$(db "SELECT count(*) FROM runs WHERE session = '$ID'")" 3
	ends() { [ "$(types | grep -c run_completed)" -eq 2 ]; }
	wait_for ends
	lacks "$(cat "$T/out")" "for them"
	# A turn of our own next: nothing comes twice.
	got 2 turn/start "{\"session_id\":\"$ID\",\"prompt\":\"go on\"}" | jq -r .result.text | grep -qx "for us"
	same "$(types | grep -c run_completed)" 3
	jq 'select(.method == "session/event").params.event.seq' "$T/out" >seqs
	same "$(sort -nu seqs)" "$(cat seqs)"
	end
}

@test "rpc input: a session that another process has: an event waits for it to let go" {
	sim_script '{"reply":{"text":"fine"}}'
	rpc
	new hi
	exec 8>"$(realm_dir)/run/$ID.lock"
	flock 8
	has "$(got 1 session/external_event "{\"session_id\":\"$ID\",\"source\":\"cron\",\"payload\":{\"n\":1}}")" accepted
	exec 8>&-
	ends() { [ "$(types | grep -c run_completed)" -eq 2 ]; }
	wait_for ends
	same "$(db "SELECT group_concat(state) FROM inputs WHERE session = '$ID'")" consumed,consumed
}
