#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/jput.h"
#include "base/util.h"
#include "model/catalog_read.h"
#include "store/config.h"

/*
 * Printing the catalogue (config sheet 6.1 and 6.2).
 */

struct entry {
	enum provider provider;
	char *id;
	struct catalog_entry facts;
	struct model_profile profile;
};

struct list {
	const struct catalog *cat;
	struct entry *v;
	size_t n;
};

/* self_hosted is absent, or what self_hosted.models says. */
static void
add(struct list *l, const char *id, struct jtext self_hosted)
{
	struct catalog_entry facts = { { self_hosted } };
	enum provider p = PROVIDER_SELF_HOSTED;
	struct entry *e;

	if (!self_hosted.p) {
		facts = catalog_find(l->cat, id);
		if (!catalog_provider(&facts, &p))
			return;
	}
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i].id, id))
			return;
	l->v = xrealloc(l->v, (l->n + 1) * sizeof *l->v);
	e = &l->v[l->n++];
	*e = (struct entry){ .provider = p, .id = xstrdup(id),
	    .facts = facts };
	if (self_hosted.p)
		catalog_self_hosted(&facts, &e->profile);
	else
		catalog_profile(&facts, p, id, &e->profile);
}

/* By provider, then by id bytewise. */
static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->provider != y->provider)
		return x->provider < y->provider ? -1 : 1;
	return strcmp(x->id, y->id);
}

static void
collect(struct list *l, const struct config *c)
{
	struct jtext hosted = json_path(c->v, "self_hosted/models");

	for (size_t i = 0; i < COUNT(l->cat->layers) + 1; i++) {
		bool own = i == COUNT(l->cat->layers);
		struct jtext from = own ? hosted : l->cat->layers[i];

		for (struct jiter it = json_iter(from); json_next(&it); ) {
			char *id = json_str(it.key, NULL);

			add(l, id, own ? it.value : JTEXT_NONE);
			free(id);
		}
	}
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, compare);
}

static void
list_free(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].id);
	free(l->v);
}

/* Names of provider_params by family; advisory. */
static const char *
params_schema(const struct entry *e)
{
	static const char *const adaptive[] = { "claude-opus-4-6",
	    "claude-opus-4-7", "claude-opus-4-8", "claude-opus-5",
	    "claude-sonnet-5", "claude-haiku-5", "claude-fable-" };
#define OBJECT(members) "{\"type\":\"object\",\"properties\":{" members "}}"
#define INT "{\"type\":\"integer\"}"
#define UINT "{\"type\":\"integer\",\"minimum\":0}"
#define BUDGET OBJECT("\"type\":{\"const\":\"enabled\"},\"budget_tokens\":" UINT)
	static const char *const schemas[] = {
		OBJECT("\"thinking\":{\"anyOf\":["
		    OBJECT("\"type\":{\"const\":\"adaptive\"}") "," BUDGET
		    "]},\"thinking_budget\":" UINT ",\"top_k\":" UINT
		    ",\"effort\":{\"enum\":[\"low\",\"medium\",\"high\",\"max\"]}"
		    ",\"inference_geo\":{\"type\":\"string\"},\"compaction\":{}"),
		OBJECT("\"thinking\":" BUDGET ",\"thinking_budget\":" UINT
		    ",\"top_k\":" UINT),
		OBJECT("\"reasoning_effort\":"
		    "{\"enum\":[\"low\",\"medium\",\"high\"]},\"seed\":" INT
		    ",\"frequency_penalty\":{\"type\":\"number\"}"
		    ",\"presence_penalty\":{\"type\":\"number\"}"),
		OBJECT("\"seed\":" INT
		    ",\"frequency_penalty\":{\"type\":\"number\"}"
		    ",\"presence_penalty\":{\"type\":\"number\"}"),
		OBJECT("\"thinking\":" OBJECT("\"thinking_budget\":" UINT)
		    ",\"thinking_budget\":" UINT ",\"top_k\":" UINT
		    ",\"top_p\":{\"type\":\"number\"}"),
	};

	switch (e->provider) {
	case PROVIDER_ANTHROPIC:
		for (size_t i = 0; i < COUNT(adaptive); i++)
			if (!strncasecmp(e->id, adaptive[i],
			    strlen(adaptive[i])))
				return schemas[0];
		return schemas[1];
	case PROVIDER_OPENAI:
		return schemas[e->profile.reasoning ? 2 : 3];
	case PROVIDER_GEMINI:
		return schemas[4];
	default:
		return "{}";
	}
}

static void
put_string(struct buf *b, const char *name, struct jtext v,
    const char *otherwise)
{
	bool set = json_is(v, '"') && !json_str_is(v, "");

	if (set)
		jput_kraw(b, name, v.p, v.n);
	else
		jput_kcstr(b, name, otherwise);
}

/* What both forms of an entry begin with. */
static void
put_head(const struct entry *e, struct buf *b)
{
	put_string(b, "display_name", catalog_fact(&e->facts, "display_name"), e->id);
	put_string(b, "tier", catalog_fact(&e->facts, "tier"), "supported");
	if (e->profile.context_window)
		jput_ki64(b, "context_window", e->profile.context_window);
	if (e->profile.max_output)
		jput_ki64(b, "max_output_tokens", e->profile.max_output);
}

static void
put_flags(const struct model_profile *f, struct buf *b)
{
	jput_kbool(b, "supports_temperature", f->temperature);
	jput_kbool(b, "supports_thinking", f->thinking);
	jput_kbool(b, "supports_reasoning", f->reasoning);
	jput_kbool(b, "supports_web_search", f->web_search);
	jput_kbool(b, "inline_video", f->inline_video);
}

static void
put_entry(const struct entry *e, struct buf *b)
{
	const char *schema = params_schema(e);

	jput_open(b, '{');
	jput_kcstr(b, "id", e->id);
	put_head(e, b);
	if (e->provider == PROVIDER_SELF_HOSTED)
		put_string(b, "server_id", catalog_fact(&e->facts, "server"),
		    "");
	jput_key(b, "profile");
	jput_open(b, '{');
	jput_kcstr(b, "model_family", e->profile.family);
	put_flags(&e->profile, b);
	jput_kraw(b, "params_schema", schema, strlen(schema));
	jput_close(b, '}');
	jput_close(b, '}');
}

/* The smallest alias of self-hosted ones, else what the catalogues say. */
static void
put_default(const struct list *l, enum provider p, size_t first, struct buf *b)
{
	for (size_t i = 0; i < COUNT(l->cat->defaults); i++) {
		struct jtext v = json_get(l->cat->defaults[i],
		    provider_name(p));

		if (json_is(v, '"')) {
			jput_kraw(b, "default_model_id", v.p, v.n);
			return;
		}
	}
	jput_kcstr(b, "default_model_id", l->v[first].id);
}

static int
with_list(const struct config *c, const char *user_root, struct buf *b,
    void (*put)(const struct list *l, struct buf *b), struct err *e)
{
	struct catalog cat;
	struct list l = { .cat = &cat };

	if (catalog_open(&cat, user_root, e) < 0)
		return -1;
	collect(&l, c);
	put(&l, b);
	list_free(&l);
	catalog_close(&cat);
	return 0;
}

static void
put_catalog(const struct list *l, struct buf *b)
{
	jput_open(b, '{');
	jput_kraw(b, "contract_version", RKAT_CONTRACT_JSON,
	    strlen(RKAT_CONTRACT_JSON));
	jput_key(b, "providers");
	jput_open(b, '[');
	for (size_t i = 0; i < l->n; ) {
		enum provider p = l->v[i].provider;

		jput_open(b, '{');
		jput_kcstr(b, "provider", provider_name(p));
		put_default(l, p, i, b);
		jput_key(b, "models");
		jput_open(b, '[');
		for (; i < l->n && l->v[i].provider == p; i++)
			put_entry(&l->v[i], b);
		jput_close(b, ']');
		jput_close(b, '}');
	}
	jput_close(b, ']');
	jput_close(b, '}');
}

static void
put_list(const struct list *l, struct buf *b)
{
	jput_open(b, '[');
	for (size_t i = 0; i < l->n; i++) {
		const struct entry *e = &l->v[i];
		struct jtext price = catalog_fact(&e->facts, "price");

		jput_open(b, '{');
		jput_kcstr(b, "id", e->id);
		jput_kcstr(b, "provider", provider_name(e->provider));
		put_head(e, b);
		jput_kcstr(b, "family", e->profile.family);
		put_flags(&e->profile, b);
		jput_kbool(b, "vision", e->profile.vision);
		jput_kbool(b, "image_tool_results", e->profile.image_results);
		if (json_is(price, '{'))
			jput_kraw(b, "price", price.p, price.n);
		jput_close(b, '}');
	}
	jput_close(b, ']');
}

int
catalog_emit(const struct config *c, const char *user_root, struct buf *b,
    struct err *e)
{
	return with_list(c, user_root, b, put_catalog, e);
}

int
catalog_list(const struct config *c, const char *user_root, struct buf *b,
    struct err *e)
{
	return with_list(c, user_root, b, put_list, e);
}
