#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"
#include "model/catalog_read.h"
#include "store/config.h"

/*
 * From a model's name to everything that is needed to call it (config sheet 6.3-6.5,
 * providers sheet 1.1 and 1.2).
 */

#define MAX_ENV 4

static const struct {
	const char *url, *keys[MAX_ENV], *urls[MAX_ENV];
	const char *suffixes[2];	/* what base URLs of the vendor's SDKs end in */
} clouds[] = {
	[PROVIDER_ANTHROPIC] = { "https://api.anthropic.com",
	    { "RKAT_ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY" },
	    { "ANTHROPIC_BASE_URL" }, { "/v1" } },
	[PROVIDER_OPENAI] = { "https://api.openai.com",
	    { "RKAT_OPENAI_API_KEY", "OPENAI_API_KEY" },
	    { "OPENAI_BASE_URL" }, { "/v1" } },
	[PROVIDER_GEMINI] = { "https://generativelanguage.googleapis.com",
	    { "RKAT_GEMINI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY" },
	    { "GEMINI_BASE_URL", "GOOGLE_GEMINI_BASE_URL" },
	    { "/v1", "/v1beta" } },
};

/* The first of these variables that is set to something; new. */
static char *
from_env(const char *const names[MAX_ENV])
{
	for (int i = 0; i < MAX_ENV && names[i]; i++) {
		const char *v = getenv(names[i]);

		if (v && *v)
			return xstrdup(v);
	}
	return NULL;
}

/* A non-empty string at path; new. */
static char *
from_config(const struct config *c, const char *path)
{
	char *s = config_str(c, path);

	if (s && !*s) {
		free(s);
		s = NULL;
	}
	return s;
}

/* [provider].NAME if the block is for p, else providers.MAP.<p>; new. */
static char *
credential(const struct config *c, enum provider p, const char *name,
    const char *map)
{
	char *type = config_str(c, "provider/type");
	char *path = xasprintf("provider/%s", name), *s = NULL;

	if (type && !strcmp(type, provider_name(p)))
		s = from_config(c, path);
	free(path);
	if (!s) {
		path = xasprintf("providers/%s/%s", map, provider_name(p));
		s = from_config(c, path);
		free(path);
	}
	free(type);
	return s;
}

static bool
printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static int
check_url(const char *url, const char *whose, struct err *e)
{
	if (!printable(url))
		return err_set(e, E_INVALID_PARAMS,
		    "base URL of %s: white space or control character in it",
		    whose);
	if ((strncasecmp(url, "http://", 7) || !url[7]) &&
	    (strncasecmp(url, "https://", 8) || !url[8]))
		return err_set(e, E_INVALID_PARAMS,
		    "base URL of %s: want http:// or https://, got %.80s",
		    whose, url);
	return 0;
}

static void
strip_slashes(char *url)
{
	size_t n = strlen(url);

	while (n && url[n - 1] == '/')
		url[--n] = '\0';
}

static bool
ends_in(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !strcmp(s + n - m, suffix);
}

static int
cloud_url(const struct config *c, struct model_target *t, struct err *e)
{
	char *url = credential(c, t->provider, "base_url", "base_urls");

	if (!url)
		url = from_env(clouds[t->provider].urls);
	if (!url)
		url = xstrdup(clouds[t->provider].url);
	strip_slashes(url);
	for (int i = 0; i < 2 && clouds[t->provider].suffixes[i]; i++)
		if (ends_in(url, clouds[t->provider].suffixes[i])) {
			url[strlen(url) -
			    strlen(clouds[t->provider].suffixes[i])] = '\0';
			break;
		}
	strip_slashes(url);
	t->base_url = url;
	return check_url(url, provider_name(t->provider), e);
}

static int
check_key(const char *key, const char *whose, struct err *e)
{
	if (printable(key))
		return 0;
	return err_set(e, E_INVALID_PARAMS, "API key of %s: white space or "
	    "control character in it", whose);
}

static int
cloud_key(const struct config *c, struct model_target *t, struct err *e)
{
	const char *name = provider_name(t->provider);
	const char *test = getenv("RKAT_TEST_CLIENT");

	if (test && !strcmp(test, "1"))
		t->key = xstrdup("test-key");
	if (!t->key)
		t->key = credential(c, t->provider, "api_key", "api_keys");
	if (!t->key)
		t->key = from_env(clouds[t->provider].keys);
	if (!t->key)
		return err_set(e, E_NO_API_KEY,
		    "API key not set for provider '%s': set %s", name,
		    clouds[t->provider].keys[1]);
	return check_key(t->key, name, e);
}

static int
self_hosted_key(struct jtext server, struct model_target *t, struct err *e)
{
	const char *env[MAX_ENV] = { NULL };
	char *name = NULL;

	t->key = json_get_str(server, "bearer_token");
	if (t->key && !*t->key) {
		free(t->key);
		t->key = NULL;
	}
	if (!t->key && (name = json_get_str(server, "bearer_token_env"))) {
		env[0] = name;
		t->key = from_env(env);
	}
	free(name);
	return t->key ? check_key(t->key, t->server_id, e) : 0;
}

int
model_server(const struct config *c, const char *id, struct model_target *t,
    struct err *e)
{
	struct jtext server = json_get(config_at(c, "self_hosted/servers"),
	    id);
	char *url = json_get_str(server, "base_url");
	int rc;

	*t = (struct model_target){ .provider = PROVIDER_SELF_HOSTED,
	    .server_id = xstrdup(id) };
	if (!server.p)
		return err_set(e, E_INVALID_PARAMS,
		    "self_hosted.servers has no '%s'", id);
	url = url ? url : xstrdup("");
	strip_slashes(url);
	rc = check_url(url, id, e);
	t->base_url = ends_in(url, "/v1") ? xstrdup(url) :
	    xasprintf("%s/v1", url);
	t->chat_style = json_str_is(json_get(server, "api_style"),
	    "chat_completions");
	free(url);
	return rc < 0 ? -1 : self_hosted_key(server, t, e);
}

static int
resolve_self_hosted(const struct config *c, const char *alias,
    struct model_target *t, struct err *e)
{
	struct jtext model = json_get(config_at(c, "self_hosted/models"),
	    alias);
	char *server = json_get_str(model, "server");
	int rc = model_server(c, server ? server : "", t, e);

	free(server);
	if (rc < 0)
		return err_wrap(e, "model %s", alias);
	t->id = xstrdup(alias);
	t->wire_id = json_get_str(model, "remote_model");
	if (!t->wire_id || !*t->wire_id) {
		free(t->wire_id);
		t->wire_id = xstrdup(alias);
	}
	catalog_self_hosted(&(struct catalog_entry){ { model } },
	    &t->profile);
	return 0;
}

/* Explicit, else by the registry, else by the id's prefix. */
static int
choose(const struct catalog_entry *facts, const struct config *c,
    const char *model, const char *provider, enum provider *p, struct err *e)
{
	bool registered = json_get(config_at(c, "self_hosted/models"),
	    model).p != NULL;

	if (provider && !provider_parse(provider, p))
		return err_set(e, E_INVALID_PARAMS, "unknown provider '%.40s': "
		    "want anthropic, openai, gemini or self_hosted", provider);
	if (provider && *p == PROVIDER_OTHER)
		return err_set(e, E_INVALID_PARAMS,
		    "provider 'other' cannot be called");
	if (provider && *p == PROVIDER_SELF_HOSTED && !registered)
		return err_set(e, E_INVALID_PARAMS,
		    "self-hosted model '%.80s' is not registered in config",
		    model);
	if (provider || catalog_provider(facts, p))
		return 0;
	if (registered) {
		*p = PROVIDER_SELF_HOSTED;
		return 0;
	}
	if (catalog_infer(model, p))
		return 0;
	return err_set(e, E_INVALID_PARAMS, "Cannot infer provider from model "
	    "'%.80s': name the provider, too", model);
}

int
model_resolve(const struct config *c, const char *user_root,
    const char *model, const char *provider, struct model_target *t,
    struct err *e)
{
	struct catalog_entry facts;
	struct catalog cat;
	int rc = -1;

	*t = (struct model_target){ .id = NULL };
	if (!*model || !printable(model))
		return err_set(e, E_INVALID_PARAMS, *model ? "model id: white "
		    "space or control character in it" : "model id is empty");
	if (catalog_open(&cat, user_root, e) < 0)
		return -1;
	facts = catalog_find(&cat, model);
	if (choose(&facts, c, model, provider, &t->provider, e) < 0)
		goto done;
	if (t->provider == PROVIDER_SELF_HOSTED) {
		rc = resolve_self_hosted(c, model, t, e);
	} else {
		t->id = xstrdup(model);
		t->wire_id = xstrdup(model);
		catalog_profile(&facts, t->provider, model, &t->profile);
		rc = cloud_url(c, t, e) < 0 || cloud_key(c, t, e) < 0 ? -1 : 0;
	}
done:
	catalog_close(&cat);
	if (rc < 0 && (!e || e->code != E_NO_API_KEY))
		model_target_free(t);
	return rc;
}

void
model_target_free(struct model_target *t)
{
	if (t->key)
		explicit_bzero(t->key, strlen(t->key));
	free(t->key);
	free(t->id);
	free(t->wire_id);
	free(t->server_id);
	free(t->base_url);
	*t = (struct model_target){ .id = NULL };
}
