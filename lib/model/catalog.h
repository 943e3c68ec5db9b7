#ifndef MODEL_CATALOG_H
#define MODEL_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct config;

/*
 * Which models there are and what is known of them: share/models.json (built into the
 * binary), the user's <user root>/.rkat/models.json over it entry by entry, and
 * self_hosted.models of the configuration.  An id outside all of them still works: its
 * facts come from its name (config sheet 6.1, providers sheet 1.3).
 */
enum provider { PROVIDER_ANTHROPIC, PROVIDER_OPENAI, PROVIDER_GEMINI,
	PROVIDER_SELF_HOSTED, PROVIDER_OTHER };

const char *provider_name(enum provider p);	/* "anthropic", "openai", "gemini", "self_hosted", "other" */
/* Also "self-hosted" and the stored spelling "open_a_i"; false if unknown. */
bool provider_parse(const char *s, enum provider *p);
const char *provider_stored(enum provider p);	/* as in session_metadata: "open_a_i" */

struct model_profile {
	bool known;		/* in the catalogue */
	char family[32];
	bool temperature, thinking, reasoning, web_search, vision,
	    image_results, inline_video;
	int64_t context_window, max_output;	/* 0: unknown */
	int64_t call_timeout_ms;		/* 0: none */
};

/* Everything needed to address one model.  Free with model_target_free. */
struct model_target {
	enum provider provider;
	char *id;		/* as asked for: catalogue id or alias */
	char *wire_id;		/* what is sent as the model */
	char *server_id;	/* self-hosted: which server; else NULL */
	char *base_url;		/* without trailing slash; self-hosted: ends in /v1 */
	char *key;		/* secret; NULL: no Authorization */
	bool chat_style;	/* Chat Completions instead of Responses */
	struct model_profile profile;
};

/*
 * Provider, base URL, key and facts of a model (config sheet 6.3-6.5, cli sheet 3.2).
 * provider: explicit name or NULL.  NO_API_KEY names the variable to set and how to try
 * rkat-sim; then all of t but the key is filled, for who only wants to know which
 * provider a model belongs to, and is freed as always.  user_root may be NULL.
 */
int model_resolve(const struct config *c, const char *user_root,
    const char *model, const char *provider, struct model_target *t,
    struct err *e);
/* Only what belongs to a server of self_hosted.servers: base_url, key, chat_style.  Free it also after -1. */
int model_server(const struct config *c, const char *id,
    struct model_target *t, struct err *e);
void model_target_free(struct model_target *t);	/* zeroes the key */

/*
 * All models, in the order of the catalogue, as a compact JSON array of flat entries:
 * id, provider, display_name, tier, context_window, max_output_tokens, what is
 * supported, price (USD per million tokens: input, output, cache_read, cache_write);
 * what is unknown is left out.
 */
int catalog_list(const struct config *c, const char *user_root, struct buf *b,
    struct err *e);
/* The catalogue as `rkat models catalog` prints it (config sheet 6.2), compact. */
int catalog_emit(const struct config *c, const char *user_root, struct buf *b,
    struct err *e);

#endif
