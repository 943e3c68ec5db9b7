#ifndef TURN_SIGNALS_H
#define TURN_SIGNALS_H

#include <signal.h>

struct agent;
struct loop;

/*
 * The first SIGINT, SIGTERM or SIGHUP stops the run under way (design rule 12: with
 * its terminal event); a second SIGINT ends the process at once - its tools die with
 * it.  SIGPIPE is ignored: writing says EPIPE.
 */
void signals_install(void);
/* A signal ends a wait of this loop, also one that is just about to begin. */
void signals_watch(struct loop *l);
/* Who is to be interrupted from now on; NULL: nobody. */
void signals_agent(struct agent *a);
/* The first signal that came, or 0. */
int signal_caught(void);
/* It was obeyed: forget it. */
void signals_forget(void);
/* Non-zero from the first signal on; for out_drain. */
extern volatile sig_atomic_t signal_seen;

#endif
