load helper

# Crash rehearsal (design rule 14): a build that kills itself at a named point.
crash_build() {
	(unset MAKEFLAGS MAKELEVEL; cd "$BATS_TEST_DIRNAME/.." &&
	    make -s B="$B/crash" CFLAGS='-O1 -g -DRKAT_CRASH_POINTS' LDFLAGS= "$B/crash/bin/rkat-session" 3>&-)
}

# die_at POINT ARGS...: true if the command died there.
die_at() {
	local point=$1 rc=0
	shift
	RKAT_CRASH=$point "$B/crash/bin/rkat-session" "$@" >"$T/said" 2>&1 || rc=$?
	[ "$rc" -eq 137 ]
}

# sound: the database is, nothing half-written lies about.
sound() {
	rkat-session check >/dev/null
	same "$(find "$RKAT_STATE_ROOT" -name '*.tmp')" ""
}

@test "create killed at any point leaves a realm that works" {
	crash_build
	for point in manifest.before manifest.after commit.before commit.after \
	    commit.before:2 commit.after:2 session.create.before session.create.after; do
		rm -rf "$RKAT_STATE_ROOT"
		die_at "$point" create --label a=b || { echo "$point: lived"; return 1; }
		S=$(rkat-session create --label a=b)
		sound
		case $point in
		commit.after:2 | session.create.after) n=2 ;;
		*) n=1 ;;
		esac
		same "$point $(rkat-session list --json --label a=b | jq length)" "$point $n"
		same "$(rkat-session show --json "$S" | jq -r .labels.a)" b
	done
	rm -rf "$RKAT_STATE_ROOT"
	run die_at commit.before:3 create
	[ "$status" -ne 0 ]	# the walk was complete
}

@test "an input with a key killed at any point is admitted exactly once by the retry" {
	crash_build
	S=$(rkat-session create)
	for point in commit.before commit.after; do
		die_at "$point" input "$S" --key "$point" hello
		rkat-session input "$S" --key "$point" hello >/dev/null
		sound
		same "$(db "SELECT count(*) FROM inputs WHERE idem = '$point'")" 1
	done
}

@test "a batch of lines killed at any point is there whole or not at all" {
	crash_build
	S=$(rkat-session create)
	for n in 1 2 3; do
		for point in commit.before commit.after; do
			db 'DELETE FROM inputs'
			run die_at "$point:$n" input "$S" --lines --batch 5 < <(seq 15)
			[ "$status" -eq 0 ]
			[ "$point" = commit.after ] && whole=$n || whole=$((n - 1))
			same "$(rkat-session inputs "$S" | jq -r .body.content)" "$(seq $((whole * 5)))"
		done
	done
}

@test "delete killed at any point is finished by the retry" {
	crash_build
	for point in archive.before archive.after; do
		S=$(rkat-session create)
		die_at "$point" delete "$S"
		rkat-session delete "$S" >/dev/null 2>&1 || [ $? -eq 10 ]
		sound
		same "$(rkat-session show --json "$S" | jq .archived)" true
	done
}

@test "import killed at any point is there whole or not at all" {
	crash_build
	S=$(rkat-session create)
	rkat-session export "$S" | jq -c '.messages = [
	    {role: "user", content: [{type: "image", media_type: "image/png", source: "inline", data: "aGk="}]},
	    {role: "block_assistant", blocks: [], stop_reason: "end_turn"}]' >doc.json
	for point in blob.before blob.after import.before commit.before commit.after import.after; do
		rm -rf "$RKAT_STATE_ROOT"
		rkat-session create >/dev/null
		die_at "$point" import --keep-id doc.json || { echo "$point: lived"; return 1; }
		rkat-session import --keep-id doc.json >/dev/null 2>&1 || [ $? -eq 1 ]
		sound
		same "$(rkat-session export "$S")" "$(cat doc.json)"
	done
}
