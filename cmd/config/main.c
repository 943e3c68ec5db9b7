/*
 * rkat-config: the configuration of a realm, and what describes the installation:
 * realms, models, capabilities, doctor, init.  Source: cli sheet section 8.
 */
#include "base/jput.h"
#include "base/util.h"
#include "config/config.h"

static const struct verb verbs[] = {
	{ "get", verb_get,
	    "[--format toml|json] [--with-generation] [--show-secrets] [key.path]",
	    "the effective configuration, or one value of it" },
	{ "set", verb_set,
	    "file|-|--json text|--toml text [--expected-generation n]",
	    "replace the realm's own configuration" },
	{ "patch", verb_patch,
	    "json|file|-|--json text [--expected-generation n]",
	    "change it by a JSON merge patch (RFC 7396)" },
	{ "realms", verb_realms,
	    "current | list [--json] | show id | create id [--backend sqlite] | "
	    "delete id [--force] | prune [--isolated-only] "
	    "[--older-than-hours n] [--force]",
	    "where sessions are kept" },
	{ "models", verb_models, "[catalog|list [--json]]",
	    "what is known of models" },
	{ "capabilities", verb_capabilities, "[--json]",
	    "what this installation can do, as JSON" },
	{ "doctor", verb_doctor, "[--json]", "is everything in place?" },
	{ "init", verb_init, "", "start a project's configuration here" },
};

int
cmd_realm(struct cmd *c)
{
	return realm_resolve(&c->opts, &c->realm, &c->e);
}

int
cmd_config(struct cmd *c, struct config *config)
{
	*config = (struct config){ .v = JTEXT_NONE };
	return cmd_realm(c) < 0 ? -1 :
	    config_load(&c->realm, config, &c->e);
}

int
cmd_pretty(struct cmd *c, struct buf *b)
{
	struct buf out = BUF_INIT;
	int rc;

	jput_pretty(&out, buf_str(b), b->n);
	buf_putc(&out, '\n');
	rc = cmd_write(c, &out);
	buf_free(&out);
	return rc;
}

int
main(int argc, char *argv[])
{
	static const struct program config = { "rkat-config", verbs,
		COUNT(verbs), "The keys are described in rkat-config(5).\n",
		false, NULL };

	return cmd_main(&config, argc, argv);
}
