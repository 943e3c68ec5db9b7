load helper

# t/storm/run does it, with more events in make soak.  The servers are killed: no records.
@test "events from twenty processes at a time are processed once and in order while rkat-peerd and turns are killed" {
	unset SPY_RECORD
	run timeout -k 5 200 "$BATS_TEST_DIRNAME/storm/run" 600 </dev/null
	[ "$status" -eq 0 ] || { echo "$output" >&2; false; }
	has "$output" "600 events once and in order"
}
