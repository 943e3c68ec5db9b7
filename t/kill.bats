load helper

@test "kill -9 at random instants: nothing lost, nothing twice, every transcript valid" {
	run "$BATS_TEST_DIRNAME/kill/run" "${KILLS:-25}"
	echo "$output"
	[ "$status" -eq 0 ]
	has "$output" "nothing lost, nothing twice"
}
