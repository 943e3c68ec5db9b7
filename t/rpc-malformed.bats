load helper

# What no client should say (t/abuse.py), to a server of its own; afterwards it ends
# well, has said nothing on stderr and is not large.
local_teardown() { { kill "$R"; wait "$R"; } 2>/dev/null || :; }
# Unrecorded: who damages ids gets answers that belong to nothing.
abuse() {
	sim echo
	"$B/bin/rkat-rpc" --unix "$T/s" 2>"$T/err" 3>&- &
	R=$!
	wait_for grep -q listening "$T/err"
	python3 "$BATS_TEST_DIRNAME/abuse.py" rpc "$T/s" "$1"
	rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$R/status")
	[ -n "${RKAT_SAN-}" ] || [ "$rss" -lt 65536 ] || { echo "VmRSS $rss kB" >&2; return 1; }
	kill "$R"
	S=0
	wait "$R" || S=$?
	same "$S" 0
	same "$(grep -v listening "$T/err")" ""
}

@test "rpc-malformed: each member of each method with each wrong kind gets one clear answer" {
	abuse types
}

@test "rpc-malformed: garbage, batches, NUL, bad UTF-8, deep nesting, duplicates, huge ids: the next request works" {
	abuse lines
}

@test "rpc-malformed: a line over the limit is refused once and skipped, its memory given back" {
	abuse oversized
}

@test "rpc-malformed: requests cut off at every byte, requests byte by byte" {
	abuse truncated
}

@test "rpc-malformed: ten thousand damaged requests" {
	abuse random
}
