#include <stdlib.h>
#include <string.h>

#include "base/data.h"
#include "store/config_keys.h"

/*
 * What a configuration must not say, in the order of config sheet section 5.  Only
 * writes are checked: a file that says so is still loaded.
 */

static int
invalid(struct err *e, const char *text)
{
	return err_set(e, E_INVALID_PARAMS, "Validation error: %s", text);
}

/* A conflict between the [provider] block and the map for the same provider? */
static bool
conflict(struct jtext v, const char *name, const char *map)
{
	struct jtext block = json_get(v, "provider"), other;
	char *type = json_get_str(block, "type");
	char *value = json_get_str(block, name);
	bool differs = false;

	if (type && value) {
		other = json_get(json_get(json_get(v, "providers"), map), type);
		differs = other.p && !json_str_is(other, value);
	}
	free(type);
	free(value);
	return differs;
}

static int
check_model(struct jtext v, const char *alias, struct jtext model,
    struct err *e)
{
	char *server = json_get_str(model, "server");
	int rc = 0;

	if (!json_get(json_path(v, "self_hosted/servers"), server).p)
		rc = err_set(e, E_INVALID_PARAMS, "Validation error: "
		    "self_hosted.models.%s references unknown server '%s'",
		    alias, server);
	else if (json_get(json_get(json_text(data_models), "models"), alias).p)
		rc = invalid(e, "model id must be unique across built-in and "
		    "self-hosted entries");
	free(server);
	return rc;
}

int
config_validate(struct jtext v, struct err *e)
{
	static const struct { const char *path, *text; } positive[] = {
#define POSITIVE(section, key, more) \
	{ section "/" key, section "." key " must be greater than 0" more }
		{ "max_tokens", "max_tokens must be greater than 0" },
		POSITIVE("agent", "max_tokens_per_turn", ""),
		POSITIVE("budget", "max_tokens", " when set"),
		POSITIVE("limits", "budget", " when set"),
		POSITIVE("compaction", "auto_compact_threshold", ""),
		POSITIVE("compaction", "recent_turn_budget", ""),
		POSITIVE("compaction", "max_summary_tokens", ""),
		POSITIVE("compaction", "min_turns_between_compactions", ""),
#undef POSITIVE
	};
	int64_t n;

	for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
		if (json_i64(json_path(v, positive[i].path), &n) && n == 0)
			return invalid(e, positive[i].text);
	if (conflict(v, "base_url", "base_urls"))
		return invalid(e,
		    "provider base_url conflicts with providers.base_urls entry");
	if (conflict(v, "api_key", "api_keys"))
		return invalid(e,
		    "provider api_key conflicts with providers.api_keys entry");
	for (struct jiter it = json_iter(json_path(v, "self_hosted/models"));
	    json_next(&it); ) {
		char *alias = json_str(it.key, NULL);
		int rc = check_model(v, alias, it.value, e);

		free(alias);
		if (rc < 0)
			return -1;
	}
	return 0;
}
