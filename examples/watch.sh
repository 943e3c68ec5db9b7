#!/bin/sh
# Every line is an event for the agent.  With a real log: tail -f app.log | ...
set -eu
printf '%s\n' "connection refused" "connection refused" |
	rkat run --no-comms --stdin lines "Tell me when something breaks." 2>/dev/null
#> I am watching.
#> The connection is refused.
