#!/bin/sh
# The small commands on their own: a session, a turn, and its events as JSON lines.
set -eu
rkat-session create | rkat-turn - "Say hello." |
	jq -r 'select(.payload) | .payload.type'
#> run_started
#> turn_started
#> text_delta
#> text_complete
#> turn_completed
#> run_completed
