load helper

# t/hosts/run does it, with more messages in make soak.  The servers are killed: no records.
@test "two hosts: what was accepted is processed once and in order, over a wire that is cut, between peerds that are killed" {
	unset SPY_RECORD
	run timeout -k 5 200 "$BATS_TEST_DIRNAME/hosts/run" 100 </dev/null
	[ "$status" -ne 77 ] || skip "$output"
	[ "$status" -eq 0 ] || { echo "$output" >&2; false; }
	has "$output" "a message, a request with its response, a notice"
	has "$output" "100 messages each way once and in order"
}
