#!/bin/sh
# Text in, text out: what comes through the pipe stands in front of the prompt.
set -eu
printf 'disk 91%% full\nload 0.2\n' | rkat run "What should I look at?"
#> You said: <stdin>
#> disk 91% full
#> load 0.2
#> </stdin>
#>
#> What should I look at?
