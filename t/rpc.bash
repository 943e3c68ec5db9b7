load helper

# rkat-rpc on pipes, for suites that talk to it.

# rpc [ARGS]: rkat-rpc on two pipes; ask LINE...; what it says lands in $T/out.
rpc() {
	rm -f "$T/in"
	mkfifo "$T/in"
	: >"$T/out"	# of one before
	"${RPC:-rkat-rpc}" "$@" <"$T/in" >"$T/out" 2>"$T/err" 3>&- 9>&- &
	R=$!
	exec 9>"$T/in"
}
ask() { printf '%s\n' "$@" >&9; }
# call ID METHOD [PARAMS]
call() { ask "{\"jsonrpc\":\"2.0\",\"id\":$1,\"method\":\"$2\"${3:+,\"params\":$3}}"; }
replied() { jq -c --argjson id "$1" 'select(.id == $id and .method == null)' "$T/out" | grep .; }
# reply ID: wait for the answer to this request.
reply() {
	wait_for replied "$1" || { cat "$T/out" "$T/err" >&2; return 1; }
	replied "$1"
}
# got ID METHOD [PARAMS]: ask and wait.
got() { call "$@" && reply "$1"; }
types() { jq -r 'select(.method == "session/event") | .params.event.payload.type' "$T/out"; }
# end: close its input; its status is $S.
end() {
	exec 9>&-
	S=0
	wait "$R" || S=$?
}
local_teardown() { { exec 9>&-; kill "$R"; wait "$R"; } 2>/dev/null || :; }

# new PROMPT: a session; its id is $ID, that of the request $N: 1001, 1002 ...
N=1000
new() {
	N=$((N + 1))
	ID=$(got $N session/create "{\"prompt\":\"$1\"}" | jq -r .result.session_id)
	[ "${#ID}" -eq 36 ]
}
# held_script: what the user calls "wait" is "ab" when it is let go, all else is "fine".
held_script() {
	mkdir -p "$HOME/.rkat"
	printf '%s\n' '[tools]' 'builtins_enabled = true' 'shell_enabled = true' '[shell]' 'sandbox = "off"' >"$HOME/.rkat/config.toml"
	sim_script '{"match":{"user":"wait","has_tool_result":false},"reply":{"tool_calls":[{"id":"w","name":"shell","args":{"command":"touch began; while [ ! -e go ]; do sleep 0.02; done"}}]}}' \
	    '{"match":{"user":"wait"},"reply":{"text":"ab"}}' '{"reply":{"text":"fine"}}'
}
release() { touch go; }
# slow: what the user calls "slow" says "a" and then nothing any more.
slow() { sim_script '{"match":{"user":"slow"},"reply":{"text":"abcdefghij","chunk":1,"hang_after":4}}' '{"reply":{"text":"fine"}}'; }
