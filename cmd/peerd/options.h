#ifndef PEERD_OPTIONS_H
#define PEERD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/realm.h"

/* What the command line said. */
struct options {
	struct realm_opts realm;
	const char *tcp, *unix_path;		/* signed envelopes */
	const char *event_tcp, *event_unix;	/* plain lines */
	const char *advertise;			/* HOST:PORT that others reach us by */
	char **sessions;			/* --session, whole ids once settled */
	size_t n_sessions;
	int64_t workers;
	const char *limits;
	bool once;
};

/* -1: go on; else the exit status. */
int options_parse(struct options *o, int argc, char *argv[]);
void options_free(struct options *o);

#endif
