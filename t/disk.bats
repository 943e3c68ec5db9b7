# A disk that is full, a state root that cannot be written, a file that may not grow: a
# clear error, nothing corrupted, and the session goes on when there is space again.
load helper

local_setup() {
	command -v rkat-turn >/dev/null || skip "rkat-turn is not built"
	mkdir -p "$RKAT_STATE_ROOT"
	sim_script '{"match":{"user":"big"},"reply":{"repeat":{"text":"0123456789","times":100000},"chunk":1000}}' \
	    '{"match":{"user":"tool","has_tool_result":false},"reply":{"tool_calls":[{"id":"c1","name":"shell","args":{"command":"seq 1 200000"}}]}}' \
	    '{"reply":{"text":"fine"}}'
}
local_teardown() { ! mountpoint -q "$RKAT_STATE_ROOT" || umount -l "$RKAT_STATE_ROOT"; }

# disk SIZE: the state root is a disk of that size.
disk() {
	mount -t tmpfs -o "size=$1" tmpfs "$RKAT_STATE_ROOT" 2>/dev/null ||
	    skip "needs the right to mount a tmpfs"
}
grow() { mount -o "remount,size=$1" "$RKAT_STATE_ROOT"; }
fill() { dd if=/dev/zero of="$RKAT_STATE_ROOT/fill" bs=4k 2>/dev/null || true; }

# refused COMMAND...: it says so, and ends with the status of the table.
refused() {
	run timeout 20 "$@" </dev/null
	same "$status" 1
	has "$output" "STORAGE_ERROR: "
	has "$output" "check free space and permissions"
}

session() {
	rkat run -t full --sandbox off hi >/dev/null 2>&1 </dev/null
	S=$(db 'SELECT id FROM sessions')
}

# The session takes a prompt, remembers, and each of its runs has one terminal event.
sound() {
	rkat-session check
	same "$(rkat resume "$S" "and now" </dev/null 2>/dev/null)" fine
	has "$(tail -n 1 "$T/sim.log" | jq -c .body.messages)" '"hi"'
	rkat-session check
	log=$(realm_dir)/events/$S.jsonl
	same "$(jq -c 'select(.payload.type == "run_started")' "$log" | wc -l)" \
	    "$(jq -c 'select(.payload.type | IN("run_completed", "run_failed"))' "$log" | wc -l)"
	same "$(jq .seq "$log")" "$(jq .seq "$log" | sort -n -u)"
	same "$(db "SELECT count(*) FROM runs WHERE state = 'running'")" 0
	same "$(rkat-session export "$S" | jq '.messages | length')" "$(db "SELECT count(*) FROM messages WHERE session = '$S'")"
}

@test "a disk too small for a realm: a clear error, under --json one line; then it works" {
	disk 64k
	refused rkat run hi
	refused rkat-session create
	rkat run --json hi >"$T/out" 2>"$T/err" </dev/null || s=$?
	same "$s" 1
	[ ! -s "$T/out" ]
	same "$(wc -l <"$T/err")" 1
	same "$(jq -r .error.code "$T/err")" STORAGE_ERROR
	[ ! -s "$T/sim.log" ]
	grow 8m
	session
	sound
}

@test "a full disk: no prompt is taken, no model is asked, nothing changes" {
	disk 1500k
	session
	fill
	n=$(wc -l <"$T/sim.log")
	refused rkat resume "$S" again
	refused rkat run again
	refused rkat-session create
	refused rkat-session input "$S" again
	refused rkat config set --json '{"agent":{"max_turns":3}}'
	same "$(wc -l <"$T/sim.log")" "$n"
	rm "$RKAT_STATE_ROOT/fill"
	same "$(db "SELECT count(*) FROM messages WHERE body LIKE '%again%'")" 0
	same "$(db "SELECT count(*) FROM inputs WHERE body LIKE '%again%'")" 0
	rkat config get >/dev/null
	sound
}

@test "a disk that fills up during an answer: the turn fails, what was committed stays" {
	for size in 700k 1200k 1500k; do
		disk "$size"
		session
		refused rkat resume "$S" big
		rkat-session check
		grow 16m
		sound
		same "$(db "SELECT count(*) FROM messages WHERE body LIKE '%\"big\"%'")" 1
		umount "$RKAT_STATE_ROOT"
	done
}

@test "a disk that fills up with what a tool says: the run fails, and its call is answered for later" {
	failed=0
	for size in 400k 600k 900k 4m; do
		disk "$size"
		session
		run timeout 20 rkat resume "$S" "tool" </dev/null
		if [ "$status" -ne 0 ]; then
			same "$status" 1
			has "$output" "STORAGE_ERROR"
			failed=$((failed + 1))
		fi
		grow 16m
		sound
		same "$(db 'SELECT count(*) FROM calls')" 0
		umount "$RKAT_STATE_ROOT"
	done
	[ "$failed" -ge 1 ]	# it did bite
	[ "$failed" -lt 4 ]	# and it did end
}

@test "a reader of the answer gets all of it, though the events could not be recorded: that is said once" {
	disk 700k
	session
	rkat resume "$S" -s big >"$T/out" 2>"$T/err" </dev/null || s=$?
	same "$s" 1
	same "$(tr -d '\n' <"$T/out" | wc -c)" 1000000
	same "$(grep -c 'events are not recorded' "$T/err")" 1
}

@test "a state root that cannot be written: a clear error from each command" {
	if [ "$(id -u)" -eq 0 ]; then
		disk 8m
		session
		mount -o remount,ro "$RKAT_STATE_ROOT"
	else
		session
		chmod -R a-w "$RKAT_STATE_ROOT"
	fi
	n=$(wc -l <"$T/sim.log")
	refused rkat resume "$S" again
	refused rkat run again
	refused rkat-session create
	refused rkat-session input "$S" again
	refused rkat config set --json '{"agent":{"max_turns":3}}'
	same "$(wc -l <"$T/sim.log")" "$n"
	if [ "$(id -u)" -eq 0 ]; then
		mount -o remount,rw "$RKAT_STATE_ROOT"
	else
		chmod -R u+w "$RKAT_STATE_ROOT"
	fi
	sound
}

# reads: what every verb that only looks says.
reads() {
	local verb
	for verb in "session list" "session show $S" "session history $S" "session events $S" "session export $S" \
	    "session inputs $S" "session check" "sessions list" "config get" "comms inbox -s scribe" "comms outbox" \
	    "comms peers -s scribe" "comms trace $X" "comms trust list" "comms identity"; do
		echo "== $verb"
		timeout 20 rkat $verb 2>&1 </dev/null || echo "ended with $?"
	done
}

@test "where nothing can be written everything can be read: a full disk, a read-only one, with and without a WAL" {
	export RKAT_STATE_ROOT=$T/'100%25 of a? #disk'
	mkdir "$RKAT_STATE_ROOT"
	disk 8m
	rkat-session create --comms-name scribe >/dev/null
	X=$(rkat-comms send --json scribe "some words" | jq -r .envelope_id)
	rkat-comms identity >/dev/null
	session
	S=$(rkat-session list --json | jq -r '.[0].session_id')
	said=$(reads)
	lacks "$said" "ended with"
	has "$said" 'message: some words'
	has "$said" '"text":"fine"'
	for state in full index read-only bare; do
		case $state in
		full) fill ;;
		index) rm "$(realm_dir)/realm.sqlite3-shm"; fill ;;	# there is no room for another
		read-only) rm "$RKAT_STATE_ROOT/fill"; mount -o remount,ro "$RKAT_STATE_ROOT" ;;
		bare)
			mount -o remount,rw "$RKAT_STATE_ROOT"
			db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
			[ ! -s "$(realm_dir)/realm.sqlite3-wal" ]
			rm -f "$(realm_dir)"/realm.sqlite3-*
			mount -o remount,ro "$RKAT_STATE_ROOT"
			;;
		esac
		same "$state $(reads)" "$state $said"
		refused rkat-session input "$S" again
		refused rkat-comms send scribe again
		refused rkat-session delete "$S"
		refused rkat resume "$S" again
	done
	mount -o remount,rw "$RKAT_STATE_ROOT"
	same "$(reads)" "$said"
	rkat-session input "$S" again >/dev/null
}

@test "a state root that is no directory, or inside of one that is none" {
	refused env RKAT_STATE_ROOT=/dev/null rkat run hi
	refused env RKAT_STATE_ROOT=/dev/null/state rkat run hi
	refused env RKAT_STATE_ROOT=/proc/nothing rkat run hi
}

@test "a limit on the size of files is an error like a full disk, not a death" {
	session
	for blocks in 1 100 200; do
		refused bash -c "ulimit -f $blocks; rkat resume $S big"
		rkat-session check
	done
	refused env RKAT_REALM=other bash -c 'ulimit -f 1; rkat run hi'
	sound
	RKAT_REALM=other rkat run hi >/dev/null 2>&1 </dev/null
	RKAT_REALM=other rkat-session check
}

@test "disk: a server on a full disk says so to its clients, and goes on when there is space again" {
	disk 3m
	rkat-rest --realm test --rest=127.0.0.1:0 >"$T/out" 2>"$T/err" 3>&- &
	R=$!
	wait_for grep -q 'http://' "$T/err"
	URL=$(grep -o 'http://[0-9.:]*' "$T/err" | head -n 1)
	post() { curl -sS -w ' %{http_code}' "$URL/$1" --json "$2"; }
	S=$(curl -sS "$URL/sessions" --json '{"prompt":"hi"}' | jq -r .session_id)
	same "$(curl -sS "$URL/readyz")" ok
	fill
	same "$(curl -sS -w ' %{http_code}' "$URL/readyz")" "the realm's disk is full 503"
	same "$(curl -sS "$URL/sessions/$S/history" | jq -r '.messages[-1].blocks[0].data.text // .messages[-1].content')" fine
	for path in sessions "sessions/$S" config runtime/"$S"/state; do
		same "$path $(curl -sS -o "$T/got" -w '%{http_code}' "$URL/$path")" "$path 200"
	done
	has "$(post sessions '{"prompt":"hi"}')" '"code":"STORAGE_ERROR"} 507'
	X=$(post "sessions/$S/messages" '{"prompt":"x"}')
	has "$X" 'disk is full","code":"INTERNAL_ERROR"} 500'
	lacks "$X" 'Invalid params'
	has "$(post "sessions/$S/external-events" '{}')" ' 500'
	rm "$RKAT_STATE_ROOT/fill"
	same "$(curl -sS "$URL/sessions/$S/messages" --json '{"prompt":"x"}' | jq -r .text)" fine
	same "$(curl -sS "$URL/input/$S/list")" '{"input_ids":[]}'
	kill "$R"
	wait "$R"
}
