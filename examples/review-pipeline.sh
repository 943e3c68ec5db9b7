#!/bin/sh
# Two agents of one realm, and a pipeline that uses what they say.  Both are resident:
# rkat-peerd starts a turn when something comes for them.
set -eu
rkat-session create --comms-name coder --keep-alive >/dev/null
rkat-session create --comms-name reviewer --keep-alive --agent-description "Reads diffs." >/dev/null
rkat-peerd 2>peerd.log &
peerd=$!
trap 'kill $peerd' EXIT

# A step of a build: ask, wait, go on with the answer.
printf -- '-\tretrun 0;\n+\treturn 0;\n' >change.diff
rkat-comms send --kind peer_request --intent review --params "$(jq -Rsc '{diff: .}' change.diff)" \
	--wait answered --timeout 1m reviewer | jq -r '.status + ": " + .result.verdict'

# The agents do the same among themselves: coder asks, and is woken by the response.
rkat-comms send coder "Fix the typo in main.c and have it reviewed." | jq -r .delivery
said() { rkat-session history coder | jq -r '.blocks[]? | select(.block_type == "text").data.text'; }
until said | grep -q Merged; do sleep 0.1; done
said

# Which way did the last request take?
id=$(rkat-comms outbox -s coder --limit 1 --json | jq -r .envelope_id)
rkat-comms trace "$id" | sed '1d; s/^[^ ]*  //; s/ [0-9a-f]*-[0-9a-f-]*//g'
#> completed: looks right
#> delivered
#> I asked for a review.
#> Merged: it looks right.
#> accepted: reviewer
#> arrived: inproc
#> queued as input of session
#> applied in run
#> answered
#> consumed
