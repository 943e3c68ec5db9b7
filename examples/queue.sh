#!/bin/sh
# Now and later: queue what comes in (cron, hooks, other hosts), work when it suits.
# What is accepted is on disk.
set -eu
id=$(rkat-session create --label job=night)
for what in backup "log rotation" "certificate check"; do
	rkat-session input "$id" "Look after the $what." >/dev/null
done
rkat-turn --drain "$id" |
	jq -r 'select(.payload.type == "run_completed") | .payload.result'
#> You said: Look after the backup.
#> You said: Look after the log rotation.
#> You said: Look after the certificate check.
