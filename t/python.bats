load helper

# The Python package: its own tests against a stand-in server, and against rkat-rpc.
local_setup() {
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
		skip "needs python3 >= 3.10"
	PYSDK=$BATS_TEST_DIRNAME/../share/python
	export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PYSDK
	unset MEERKAT_BIN_PATH RKAT_REALM
	cd "$PYSDK" || return 1
}

# suite NAME: says what failed.
suite() {
	timeout 120 python3 -m unittest "tests.$1" >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
}

@test "the Python client starts, shakes hands with and ends a server, also an unwilling one" {
	suite test_connect
}

@test "the Python client runs sessions, answers tool calls and survives the server's death" {
	suite test_sessions
}

@test "the Python client streams typed events, unknown, damaged and too many of them" {
	suite test_streams
}

@test "every Python example prints what it says, with rkat-rpc; parallel, large and killed runs" {
	command -v rkat-rpc >/dev/null || skip "needs rkat-rpc"
	suite test_server
}

@test "the Python package is typed throughout, by mypy's strict rules" {
	command -v mypy >/dev/null || skip "needs mypy"
	run mypy --strict --cache-dir "$T/mypy" -p meerkat -p tests
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "the Python package exports and documents every name that the documents promise" {
	suite test_api
}
