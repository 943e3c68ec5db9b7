#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jput.h"
#include "base/option.h"
#include "session/session.h"
#include "store/inputs.h"
#include "store/lock.h"

/* What waits for a session's next turn: inputs (agent sheet 17) and context (16). */

/* ---- context ---- */

static int
stage(struct cmd *c, const char *id, const char *text, const char *source,
    const char *key)
{
	struct buf b = BUF_INIT;
	bool duplicate;
	int rc;

	if (context_stage(c->db, id, text, source, key, &duplicate, &c->e) < 0)
		return -1;
	jput_open(&b, '{');
	jput_kcstr(&b, "status", duplicate ? "duplicate" : "staged");
	jput_close(&b, '}');
	rc = cmd_line(c, &b);
	buf_free(&b);
	return rc;
}

VERB(verb_context)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "source", required_argument, NULL, 's' },
		{ "key", required_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 }
	};
	const char *source = NULL, *key = NULL;
	struct buf text = BUF_INIT;
	char id[UUID_LEN + 1];
	int o, rc = -1;

	while ((o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 's': source = optarg; break;
		case 'k': key = optarg; break;
		default: return cmd_usage(c);
		}
	if (argc - optind != 2)
		return cmd_usage(c);
	if ((source && option_utf8("--source", source, &c->e) < 0) ||
	    (key && option_utf8("--key", key, &c->e) < 0))
		return -1;
	if (cmd_resolve(c, argv[optind], id) == 0 &&
	    cmd_text(c, argv[optind + 1], &text) == 0) {
		if (utf8_valid(buf_str(&text), text.n) &&
		    strlen(buf_str(&text)) == text.n)
			rc = stage(c, id, buf_str(&text), source, key);
		else
			err_set(&c->e, E_INVALID_PARAMS,
			    "text: want UTF-8 without NUL bytes");
	}
	buf_free(&text);
	return rc;
}

/* ---- input ---- */

struct said {
	const char *key, *mode, *source;
	bool lines;		/* each line of standard input is one input */
	int64_t batch;		/* so many at most in one transaction */
	int64_t line;		/* where we are */
};

static int
admit(struct cmd *c, char *id, struct said *s, const char *p, size_t n,
    struct buf *answer)
{
	struct input in = { .session = id, .kind = "prompt",
	    .source = (char *)(uintptr_t)s->source,
	    .mode = (char *)(uintptr_t)s->mode,
	    .idem = (char *)(uintptr_t)s->key };
	struct buf body = BUF_INIT;
	bool seen;
	int rc;

	if (!utf8_valid(p, n))
		return err_set(&c->e, E_INVALID_PARAMS, "text: want UTF-8");
	jput_open(&body, '{');
	jput_kstr(&body, "content", p, n);
	jput_close(&body, '}');
	in.body = body.p;
	rc = inputs_admit(c->db, &in, &seen, &c->e);
	buf_free(&body);
	if (rc < 0)
		return -1;
	if (answer->n)
		buf_putc(answer, '\n');
	jput_open(answer, '{');
	jput_kcstr(answer, "input", in.id);
	jput_kcstr(answer, "status", seen ? "deduplicated" : "accepted");
	jput_close(answer, '}');
	return 0;
}

static int
admit_one(struct cmd *c, char *id, struct said *s, const char *arg)
{
	struct buf text = BUF_INIT, answer = BUF_INIT;
	int rc = cmd_text(c, arg, &text);

	if (rc == 0 && !text.n)
		rc = err_set(&c->e, E_INVALID_PARAMS, "text: empty");
	if (rc == 0)
		rc = admit(c, id, s, buf_str(&text), text.n, &answer);
	if (rc == 0) {
		bell_ring(&c->realm, id, 'w');
		rc = cmd_line(c, &answer);
	}
	buf_free(&answer);
	buf_free(&text);
	return rc;
}

/* Up to s->batch whole lines of b in one transaction, then tell; takes them out of b. */
static int
admit_batch(struct cmd *c, char *id, struct said *s, struct buf *b,
    bool eof)
{
	struct buf answer = BUF_INIT;
	size_t at = 0;
	int rc = db_begin(c->db, &c->e);

	for (int64_t n = 0; rc == 0 && n < s->batch && at < b->n; ) {
		const char *p = b->p + at, *nl = memchr(p, '\n', b->n - at);
		size_t len = nl ? (size_t)(nl - p) : b->n - at;

		if (!nl && !eof)
			break;
		at += len + (nl != NULL);
		s->line++;
		if (len == 0)
			continue;
		n++;
		if ((rc = admit(c, id, s, p, len, &answer)) < 0)
			err_wrap(&c->e, "stdin: line %lld", (long long)s->line);
	}
	if (rc < 0)
		db_rollback(c->db);
	else if ((rc = db_commit(c->db, &c->e)) == 0 && answer.n) {
		bell_ring(&c->realm, id, 'w');
		rc = cmd_line(c, &answer);
	}
	buf_drop(b, at);
	buf_free(&answer);
	return rc;
}

/* Each line of standard input is one input; a batch is what has come, up to its limit. */
static int
admit_lines(struct cmd *c, char *id, struct said *s)
{
	struct buf b = BUF_INIT;
	bool eof = false;
	int rc = 0;

	while (rc == 0 && (!eof || b.n)) {
		if (!eof && !(b.n && memchr(b.p, '\n', b.n))) {
			ssize_t n = read(STDIN_FILENO, buf_room(&b, 65536), 65536);

			if (n < 0)
				rc = err_sys(&c->e, E_FAILED, "stdin");
			else if (n == 0)
				eof = true;
			else
				b.n += (size_t)n;
			buf_end(&b);
		}
		if (rc == 0 && b.n > TEXT_LIMIT)
			rc = err_set(&c->e, E_INVALID_PARAMS,
			    "stdin: a line of more than %zu bytes", TEXT_LIMIT);
		if (rc == 0 && b.n && (eof || memchr(b.p, '\n', b.n)))
			rc = admit_batch(c, id, s, &b, eof);
	}
	buf_free(&b);
	return rc;
}

static int
parse_input(struct cmd *c, int argc, char *argv[], struct said *s)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "key", required_argument, NULL, 'k' },
		{ "mode", required_argument, NULL, 'm' },
		{ "source", required_argument, NULL, 's' },
		{ "lines", no_argument, NULL, 'l' },
		{ "batch", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 }
	};
	int o, rc = 0;

	while (rc == 0 && (o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 'k': s->key = optarg; break;
		case 'm': s->mode = optarg; break;
		case 's': s->source = optarg; break;
		case 'l': s->lines = true; break;
		case 'b': rc = cmd_number(c, "--batch", optarg, 1, &s->batch); break;
		default: return cmd_usage(c);
		}
	if (rc < 0)
		return -1;
	if (argc - optind < 1 || argc - optind > 2 ||
	    (s->lines && argc - optind == 2 && strcmp(argv[optind + 1], "-")))
		return cmd_usage(c);
	if (strcmp(s->mode, "queue") && strcmp(s->mode, "steer"))
		return err_set(&c->e, E_INVALID_PARAMS,
		    "--mode: want queue or steer, not '%.40s'", s->mode);
	if (option_utf8("--source", s->source, &c->e) < 0 ||
	    (s->key && option_utf8("--key", s->key, &c->e) < 0))
		return -1;
	if (s->key && (!*s->key || s->lines))
		return err_set(&c->e, E_INVALID_PARAMS, *s->key ?
		    "--key: not with --lines: a key names one input" :
		    "--key: empty");
	return 0;
}

VERB(verb_input)
{
	struct said s = { .mode = "queue", .source = "operator",
	    .batch = 64 };
	char id[UUID_LEN + 1];
	int rc = parse_input(c, argc, argv, &s);

	if (rc)
		return rc;
	if (cmd_resolve(c, argv[optind], id) < 0)
		return -1;
	if (s.lines)
		return admit_lines(c, id, &s);
	return admit_one(c, id, &s, argc - optind == 2 ? argv[optind + 1] : "-");
}

/* ---- inputs ---- */

static void
put_input(struct buf *b, const struct input *in)
{
	jput_open(b, '{');
	jput_kcstr(b, "input", in->id);
	jput_ki64(b, "seq", in->seq);
	jput_kcstr(b, "kind", in->kind);
	jput_kcstr(b, "source", in->source);
	jput_kcstr(b, "mode", in->mode);
	jput_kcstr(b, "state", in->state);
	if (in->idem)
		jput_kcstr(b, "key", in->idem);
	jput_ki64(b, "attempts", in->attempts);
	jput_ki64(b, "created_ms", in->created_ms);
	jput_kraw(b, "body", in->body, strlen(in->body));
	jput_close(b, '}');
}

VERB(verb_inputs)
{
	struct buf b = BUF_INIT;
	struct input *list;
	char id[UUID_LEN + 1];
	size_t n = 0;
	int rc = 0;

	if (cmd_args(c, argc, argv, 1) < 0)
		return -1;
	if (cmd_resolve(c, argv[optind], id) < 0 ||
	    inputs_queued(c->db, id, NULL, &list, &n, &c->e) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		put_input(&b, &list[i]);
		rc = cmd_line(c, &b);
	}
	inputs_free(list, n);
	buf_free(&b);
	return rc;
}
