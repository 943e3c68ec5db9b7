#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jput.h"
#include "model/model.h"
#include "session/document.h"
#include "session/session.h"
#include "store/blobs.h"

/* export and import of session documents; export as a request body. */

#define DOCUMENT_MAX ((size_t)1 << 30)

/* ---- export as what a provider would be sent ---- */

static const struct format {
	const char *name;
	enum provider provider;
	bool chat_style;
	const char *model;	/* for a session of another provider */
} formats[] = {
	{ "anthropic", PROVIDER_ANTHROPIC, false, "claude-opus-4-6" },
	{ "openai", PROVIDER_OPENAI, false, "gpt-5.4" },
	{ "chat", PROVIDER_SELF_HOSTED, true, "local" },
	{ "gemini", PROVIDER_GEMINI, false, "gemini-3-flash-preview" },
};

static const struct format *
find_format(const char *name)
{
	for (size_t i = 0; i < COUNT(formats); i++)
		if (!strcmp(name, formats[i].name))
			return &formats[i];
	return NULL;
}

static int
read_blob(void *arg, const char *id, struct buf *b, char media[64])
{
	char *media_type;

	if (blob_get(arg, id, &media_type, b, NULL) < 0)
		return -1;
	strncpy(media, media_type, 63);
	media[63] = '\0';
	free(media_type);
	return 0;
}

/* The session's own model if the format is its provider's; new. */
static char *
model_for(const struct format *f, struct jtext meta)
{
	char *provider = json_get_str(meta, "provider");
	char *model = json_get_str(meta, "model");
	enum provider own = PROVIDER_OTHER;

	if (!model || !provider || !provider_parse(provider, &own) ||
	    own != f->provider) {
		free(model);
		model = xstrdup(f->model);
	}
	free(provider);
	return model;
}

static int
put_request(struct cmd *c, const struct format *f, const struct session *s,
    const struct messages *m, struct buf *b)
{
	struct jtext meta = json_text(s->meta);
	char *model = model_for(f, meta);
	struct model_target t = { .provider = f->provider,
	    .chat_style = f->chat_style };
	struct model_request rq = { .target = &t, .messages = m->v,
	    .n_messages = m->n, .temperature = NAN, .blob = read_blob,
	    .blob_arg = &c->realm };
	int rc;

	t.id = t.wire_id = model;
	rq.max_tokens = json_get_i64(meta, "max_tokens", 16384);
	rc = model_encode(&rq, b, &c->e);
	free(model);
	return rc;
}

/* ---- export ---- */

static int
export(struct cmd *c, const char *id, const struct format *f)
{
	struct session s = { .meta = NULL };
	struct messages m = { .n = 0 };
	struct buf b = BUF_INIT;
	int rc = -1;

	if (session_load(c->db, id, &s, &c->e) < 0 ||
	    messages_load(c->db, id, &m, &c->e) < 0)
		goto done;
	if (f)
		rc = put_request(c, f, &s, &m, &b);
	else {
		document_emit(&c->realm, &s, &m, &b);
		rc = 0;
	}
	if (rc == 0)
		rc = cmd_line(c, &b);
done:
	buf_free(&b);
	messages_free(&m);
	session_free(&s);
	return rc;
}

VERB(verb_export)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "format", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 }
	};
	const struct format *f = NULL;
	char id[UUID_LEN + 1];
	int o;

	while ((o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 'f':
			if (!(f = find_format(optarg)))
				return err_set(&c->e, E_INVALID_PARAMS,
				    "--format: want anthropic, openai, chat or "
				    "gemini, not '%.40s'", optarg);
			break;
		default: return cmd_usage(c);
		}
	if (argc - optind != 1)
		return cmd_usage(c);
	return cmd_resolve(c, argv[optind], id) < 0 ? -1 : export(c, id, f);
}

/* ---- import ---- */

/* Messages and metadata are lines in the store: line breaks outside of strings go. */
static void
flatten(struct buf *b, struct jtext *doc)
{
	struct buf one = BUF_INIT;

	jput_compact(&one, doc->p, doc->n);
	buf_free(b);
	*b = one;
	*doc = json_slice(one.p, one.n);
}

static int
restore(struct cmd *c, struct jtext doc, bool keep)
{
	struct session s;
	struct messages m;
	struct buf b = BUF_INIT;
	int rc = -1;

	if (document_read(&c->realm, doc, keep, &s, &m, &c->e) == 0) {
		crash_point("import.before");
		rc = session_restore(c->db, &s, &m, &c->e);
		crash_point("import.after");
	}
	if (rc == 0 && c->json) {
		jput_open(&b, '{');
		jput_kcstr(&b, "session_id", s.id);
		jput_close(&b, '}');
	} else {
		buf_puts(&b, s.id);
	}
	if (rc == 0)
		rc = cmd_line(c, &b);
	buf_free(&b);
	messages_free(&m);
	session_free(&s);
	return rc;
}

VERB(verb_import)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "keep-id", no_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 }
	};
	struct buf b = BUF_INIT;
	struct jtext doc;
	bool keep = false;
	int o, rc;

	while ((o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 'k': keep = true; break;
		default: return cmd_usage(c);
		}
	if (argc - optind != 1)
		return cmd_usage(c);
	rc = strcmp(argv[optind], "-") ?
	    fs_read(argv[optind], DOCUMENT_MAX, &b, &c->e) :
	    fs_read_fd(STDIN_FILENO, DOCUMENT_MAX, &b, &c->e);
	if (rc == 0 && (rc = json_parse(buf_str(&b), b.n, &doc, &c->e)) < 0)
		err_wrap(&c->e, "%s", argv[optind]);
	if (rc == 0 && memchr(doc.p, '\n', doc.n))
		flatten(&b, &doc);
	if (rc == 0)
		rc = cmd_open(c) < 0 ? -1 : restore(c, doc, keep);
	buf_free(&b);
	return rc;
}
