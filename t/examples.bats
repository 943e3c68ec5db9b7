load helper

@test "every example runs as it stands against rkat-sim and prints what it says" {
	run "$BATS_TEST_DIRNAME/../examples/run-all"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^ok ' <<<"$output")" -ge 12 ]
}

@test "the tour shows a streamed answer, two tools, a turn that remembers, and the sessions" {
	run sh "$BATS_TEST_DIRNAME/../examples/tour.sh"
	[ "$status" -eq 0 ]
	has "$output" '$ rkat run --stream --tools workspace "List the files here."'
	has "$output" 'tool shell({"command":"ls"})'
	has "$output" 'tool datetime({})'
	has "$output" "✓  shell ("
	has "$output" "README.md"
	has "$output" "Yes: you asked me to list the files"
	has "$output" "SESSION_REF"
	has "$output" "2 run_completed"
}
