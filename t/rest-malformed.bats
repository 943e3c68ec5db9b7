load helper

# What no client should say (t/abuse.py), to a server of its own; afterwards it ends
# well, has said nothing on stderr and is not large.
local_teardown() { { kill "$R"; wait "$R"; } 2>/dev/null || :; }
# Unrecorded: damaged requests are nobody's.
abuse() {
	sim echo
	"$B/bin/rkat-rest" --rest=127.0.0.1:0 2>"$T/err" 3>&- &
	R=$!
	wait_for grep -q 'http://' "$T/err"
	python3 "$BATS_TEST_DIRNAME/abuse.py" http "$(grep -o 'http://[0-9.:]*' "$T/err" | head -n 1 | cut -c8-)" "$1"
	rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$R/status")
	[ -n "${RKAT_SAN-}" ] || [ "$rss" -lt 65536 ] || { echo "VmRSS $rss kB" >&2; return 1; }
	kill "$R"
	S=0
	wait "$R" || S=$?
	same "$S" 0
	same "$(grep -v 'http://' "$T/err")" ""
}

@test "rest-malformed: request lines and Hosts that are none" {
	abuse lines
}

@test "rest-malformed: headers that are none, too long, too many" {
	abuse headers
}

@test "rest-malformed: bodies whose length can be read in two ways get one answer, and what is in them none" {
	abuse smuggling
}

@test "rest-malformed: chunks with bad sizes, without an end, with trailers" {
	abuse chunks
}

@test "rest-malformed: requests cut off at every byte, requests byte by byte" {
	abuse truncated
}

@test "rest-malformed: paths and queries with bad escapes, NUL, bad UTF-8, endless ones" {
	abuse paths
}

@test "rest-malformed: bodies that are no JSON, too deep, too large" {
	abuse bodies
}

@test "rest-malformed: pipelined requests are answered in order, garbage behind them refused" {
	abuse pipelined
}

@test "rest-malformed: damaged requests, at random" {
	abuse random
}
