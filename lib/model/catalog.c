#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/data.h"
#include "base/fs.h"
#include "base/util.h"
#include "model/catalog_read.h"
#include "store/config.h"

/*
 * The catalogue's entries, and the rules for ids that have none (config sheet 6.1).
 */

static const struct {
	const char *name, *stored;
} providers[] = {
	[PROVIDER_ANTHROPIC] = { "anthropic", "anthropic" },
	[PROVIDER_OPENAI] = { "openai", "open_a_i" },
	[PROVIDER_GEMINI] = { "gemini", "gemini" },
	[PROVIDER_SELF_HOSTED] = { "self_hosted", "self_hosted" },
	[PROVIDER_OTHER] = { "other", "other" },
};

const char *
provider_name(enum provider p)
{
	return providers[p].name;
}

const char *
provider_stored(enum provider p)
{
	return providers[p].stored;
}

bool
provider_parse(const char *s, enum provider *p)
{
	for (size_t i = 0; i < COUNT(providers); i++)
		if (!strcmp(s, providers[i].name) ||
		    !strcmp(s, providers[i].stored)) {
			*p = (enum provider)i;
			return true;
		}
	*p = PROVIDER_SELF_HOSTED;
	return !strcmp(s, "self-hosted");
}

/* ---- files ---- */

/*
 * The built-in file never changes, and workers look into it for every run, most often
 * for the same model.
 */
static struct {
	struct jtext models, defaults;
	char *id;		/* that was looked for last */
	struct jtext entry;
} built_in;

static void
open_built_in(struct catalog *c)
{
	if (!built_in.models.p) {
		struct jtext all = json_text(data_models);

		built_in.models = json_get(all, "models");
		built_in.defaults = json_get(all, "defaults");
	}
	c->layers[1] = built_in.models;
	c->defaults[1] = built_in.defaults;
}

static struct jtext
find_built_in(const char *id)
{
	if (!built_in.id || strcmp(built_in.id, id)) {
		free(built_in.id);
		built_in.id = xstrdup(id);
		built_in.entry = json_get(built_in.models, id);
	}
	return built_in.entry;
}

int
catalog_open(struct catalog *c, const char *user_root, struct err *e)
{
	char *path = user_root ? fs_join(user_root, ".rkat/models.json") : NULL;
	struct buf b = BUF_INIT;
	struct err why = ERR_NONE;
	struct jtext v;
	int rc = 0;

	*c = (struct catalog){ .user = NULL };
	open_built_in(c);
	if (!path || fs_read(path, CONFIG_MAX, &b, &why) < 0)
		rc = why.code == E_NONE || why.code == E_NOT_FOUND ? 0 : -1;
	else if ((rc = json_parse(buf_str(&b), b.n, &v, &why)) < 0)
		err_wrap(&why, "%s", path);
	else if (!json_is(c->layers[0] = json_get(v, "models"), '{'))
		rc = err_set(&why, E_INVALID_PARAMS,
		    "%s: want an object {\"models\":{\"<id>\":{...}}}", path);
	else {
		c->defaults[0] = json_get(v, "defaults");
		c->user = buf_steal(&b);
	}
	if (rc < 0 && e)
		*e = why;
	buf_free(&b);
	free(path);
	return rc;
}

void
catalog_close(struct catalog *c)
{
	free(c->user);
	c->user = NULL;
}

struct catalog_entry
catalog_find(const struct catalog *c, const char *id)
{
	return (struct catalog_entry){ .in = { json_get(c->layers[0], id),
	    find_built_in(id) } };
}

struct jtext
catalog_fact(const struct catalog_entry *m, const char *member)
{
	for (size_t i = 0; i < COUNT(m->in); i++) {
		struct jtext v = json_get(m->in[i], member);

		if (v.p && !json_is(v, 'n'))
			return v;
	}
	return JTEXT_NONE;
}

bool
catalog_provider(const struct catalog_entry *m, enum provider *p)
{
	char *name = json_str(catalog_fact(m, "provider"), NULL);
	bool has = name && provider_parse(name, p) && *p <= PROVIDER_GEMINI;

	free(name);
	return has;
}

/* ---- rules of names ---- */

static bool
starts(const char *s, const char *prefix)
{
	return !strncasecmp(s, prefix, strlen(prefix));
}

bool
catalog_infer(const char *id, enum provider *p)
{
	static const struct { const char *prefix; enum provider p; } rules[] = {
		{ "claude-", PROVIDER_ANTHROPIC },
		{ "gpt-", PROVIDER_OPENAI },
		{ "chatgpt-", PROVIDER_OPENAI },
		{ "o1-", PROVIDER_OPENAI },
		{ "o3-", PROVIDER_OPENAI },
		{ "gemini-", PROVIDER_GEMINI },
	};

	for (size_t i = 0; i < COUNT(rules); i++)
		if (starts(id, rules[i].prefix)) {
			*p = rules[i].p;
			return true;
		}
	return false;
}

static void
set_family(struct model_profile *f, const char *family)
{
	snprintf(f->family, sizeof f->family, "%s", family);
}

static void
anthropic_rules(const char *id, struct model_profile *f)
{
	static const struct { const char *family; int secs; } rules[] = {
		{ "claude-opus-4", 300 }, { "claude-sonnet-4", 120 },
		{ "claude-haiku-4", 60 }, { "claude", 0 },
	};
	size_t i = 0;

	while (i < COUNT(rules) - 1 && !starts(id, rules[i].family))
		i++;
	set_family(f, rules[i].family);
	f->call_timeout_ms = rules[i].secs * 1000;
	f->temperature = f->thinking = f->image_results = true;
}

static void
openai_rules(const char *id, struct model_profile *f)
{
	bool codex = strcasestr(id, "codex") != NULL;
	bool five = starts(id, "gpt-5");

	set_family(f, codex ? "codex" : five ? "gpt-5" : "gpt");
	f->temperature = !codex && !five;
	f->thinking = f->reasoning = five;
	f->call_timeout_ms = five && strcasestr(id, "-pro") ? 7200000 :
	    codex || five ? 600000 : 90000;
}

static void
gemini_rules(const char *id, struct model_profile *f)
{
	static const struct { const char *family; int secs; } rules[] = {
		{ "gemini-3", 600 }, { "gemini-2", 180 }, { "gemini-1", 180 },
		{ "gemini", 0 },
	};
	size_t i = 0;

	while (i < COUNT(rules) - 1 && !starts(id, rules[i].family))
		i++;
	set_family(f, rules[i].family);
	f->call_timeout_ms = strcasestr(id, "flash") ? 120000 :
	    rules[i].secs * 1000;
	f->thinking = i == 0 || starts(id, "gemini-4");
	f->temperature = f->image_results = f->inline_video = true;
}

/* ---- facts of an entry over them ---- */

static void
put_facts(const struct catalog_entry *m, struct model_profile *f)
{
	const struct { const char *name; bool *flag; } flags[] = {
		{ "supports_temperature", &f->temperature },
		{ "supports_thinking", &f->thinking },
		{ "supports_reasoning", &f->reasoning },
		{ "supports_web_search", &f->web_search },
		{ "vision", &f->vision },
		{ "image_tool_results", &f->image_results },
		{ "inline_video", &f->inline_video },
	};
	const struct { const char *name; int64_t *n, unit; } numbers[] = {
		{ "context_window", &f->context_window, 1 },
		{ "max_output_tokens", &f->max_output, 1 },
		{ "call_timeout_secs", &f->call_timeout_ms, 1000 },
	};
	char *family;
	int64_t n;

	for (size_t i = 0; i < COUNT(flags); i++)
		(void)json_bool(catalog_fact(m, flags[i].name), flags[i].flag);
	for (size_t i = 0; i < COUNT(numbers); i++)
		if (json_i64(catalog_fact(m, numbers[i].name), &n) && n >= 0 &&
		    n <= INT64_MAX / 1000)
			*numbers[i].n = n * numbers[i].unit;
	if ((family = json_str(catalog_fact(m, "family"), NULL)))
		set_family(f, family);
	free(family);
}

void
catalog_profile(const struct catalog_entry *m, enum provider p,
    const char *id, struct model_profile *out)
{
	enum provider named;

	*out = (struct model_profile){ .vision = true, .image_results = true,
	    .temperature = true };
	if (catalog_infer(id, &named) && named == p) {
		*out = (struct model_profile){ .vision = true,
		    .web_search = true };
		if (p == PROVIDER_ANTHROPIC)
			anthropic_rules(id, out);
		else if (p == PROVIDER_OPENAI)
			openai_rules(id, out);
		else
			gemini_rules(id, out);
	}
	out->known = catalog_provider(m, &named) && named == p;
	if (out->known)
		put_facts(m, out);
}

void
catalog_self_hosted(const struct catalog_entry *m, struct model_profile *out)
{
	*out = (struct model_profile){ .known = true, .temperature = true };
	put_facts(m, out);
}
