load helper

# A key that a grep finds anywhere it should not be.
KEY=sk-sentinel-4711-do-not-leak

leaks() { grep -rl "$KEY" "$T" 2>/dev/null | grep -v '/sim.log$' || :; }

# as_nobody COMMAND...: without root's right to look into every process.
as_nobody() {
	if [ "$(id -u)" = 0 ]; then
		chmod 755 "$T"
		chmod -R a+rwX "$HOME" "$T/work"
		mkdir -p "$RKAT_STATE_ROOT"
		chmod 777 "$RKAT_STATE_ROOT"
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}

@test "a key reaches neither a tool, the transcript, the events, the log nor the screen" {
	[ -z "$RKAT_SAN" ] || skip "a sanitized rkat-turn does not hide its memory"
	cp -r "$B/bin" "$T/bin"
	chmod -R a+rX "$T/bin"
	PATH=$T/bin:$PATH
	sim_script '{"match":{"has_tool_result":true},"reply":{"text":"seen"}}' \
	    '{"reply":{"tool_calls":[{"id":"c1","name":"shell","args":{"command":"env; cat /proc/[0-9]*/environ 2>/dev/null | tr \"\\\\0\" \"\\\\n\"; cat /proc/[0-9]*/cmdline 2>/dev/null"}}]}}'
	export ANTHROPIC_API_KEY=$KEY
	as_nobody rkat run -t workspace --sandbox off --json --stdin off go >out 2>err
	same "$(jq -r .text out)" seen
	# the key was there to be found: the model server got it
	same "$(jq -r '.headers["x-api-key"]' "$T/sim.log" | sort -u)" '[redacted]'
	same "$(leaks)" ""
	lacks "$(cat out err)" "$KEY"
}

@test "a refused key shows the provider's words without the key" {
	sim_script '{"reply":{"status":401,"error":{"type":"authentication_error","message":"invalid x-api-key: '$KEY'"}}}'
	export ANTHROPIC_API_KEY=$KEY
	run rkat run --stdin off go
	[ "$status" -eq 20 ]
	has "$output" "invalid x-api-key"
	lacks "$output" "$KEY"
	rm "$T/script.jsonl"
	same "$(leaks)" ""
}

@test "a key in the configuration is masked when it is shown" {
	rkat config patch "{\"providers\":{\"api_keys\":{\"anthropic\":\"$KEY\"}}}" >/dev/null
	lacks "$(rkat config get) $(rkat config get --format json)" "$KEY"
	has "$(rkat config get --show-secrets)" "$KEY"
}
