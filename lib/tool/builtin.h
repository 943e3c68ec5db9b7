#ifndef TOOL_BUILTIN_H
#define TOOL_BUILTIN_H

#include "tool/tool.h"

/*
 * Private to lib/tool: how a builtin tool is written.  It is a row of a table: a
 * definition and a start function that looks into call.args and fills call.r.
 */

struct root;
struct shell;
struct capture;

/* What the builtins of one toolbox share. */
struct tools {
	const struct tool_env *env;
	struct root *root;		/* the project root, open */
	struct shell *shell;		/* NULL: no shell */
	struct capture *captures;	/* children under way */
};

struct builtin;

struct call {
	struct tools *t;
	const struct builtin *tool;
	struct jtext args;		/* an object */
	struct tool_result r;
	void *state;			/* the builtin's own while it is under way */
};

struct builtin {
	struct tool_def def;
	bool shell;			/* of the shell group */
	/*
	 * Without a cancel function the call is over when start returns.  With one it is
	 * over when call_done was called, and the call is gone when that returns.
	 */
	void (*start)(struct call *c);
	void (*cancel)(struct call *c);	/* start began something: give it up; no call_done */
};

void call_done(struct call *c);

/* Results.  call_json: the JSON text as the result's text. */
void call_text(struct call *c, const char *p, size_t n);
void call_json(struct call *c, const struct buf *json);
/* invalid_arguments and execution_failed in the words of the sheet; the first error stays. */
void call_bad(struct call *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void call_failed(struct call *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Arguments.  What is missing or has the wrong type becomes invalid_arguments, so ask
 * for all of them and then look at c->r.is_error once.  null counts as absent.
 */
char *arg_str(struct call *c, const char *key);		/* required; new, NULL on error */
char *arg_opt_str(struct call *c, const char *key);	/* new; NULL if absent */
int64_t arg_i64(struct call *c, const char *key, int64_t min, int64_t max,
    int64_t otherwise);
bool arg_bool(struct call *c, const char *key, bool otherwise);
struct jtext arg_strings(struct call *c, const char *key);	/* array of strings or JTEXT_NONE */
struct jtext arg_object(struct call *c, const char *key);	/* object or JTEXT_NONE */

/* The time as the sheet's tools write it: 2026-04-10T14:00:00.123456789+00:00. */
void put_now(struct buf *b);

/* The tables, one per file; each ends with a row without a name. */
extern const struct builtin task_tools[], datetime_tools[], patch_tools[],
    image_tools[], file_tools[], shell_tools[], job_tools[];

#endif
