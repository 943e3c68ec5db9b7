#ifndef SERVE_OPTIONS_H
#define SERVE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/realm.h"

/* What the command line said. */
struct options {
	struct realm_opts realm;
	bool rpc;			/* --rpc: on standard input and output */
	const char *tcp, *unix_path;	/* JSON-RPC sockets */
	bool rest;			/* HTTP, where config says if rest_at is NULL */
	const char *rest_at, *rest_unix;
	int64_t workers;
	bool allow_remote, expose_paths;
	const char *token_file, *limits, *access_log;
	const char **hosts, **origins;	/* NULL terminated, or NULL */
};

/* -1: go on; else the exit status. */
int options_parse(struct options *o, int argc, char *argv[]);
/* Nothing was said about where: it goes by the name, prog. */
void options_default(struct options *o);
bool options_listen(const struct options *o);	/* was anything? */
void options_free(struct options *o);

#endif
