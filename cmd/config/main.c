/*
 * rkat-config: the configuration of a realm, and what describes the installation:
 * realms, models, capabilities, doctor, init.  Source: cli sheet section 8.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/util.h"
#include "config/config.h"

static const struct verb {
	const char *name;
	int (*run)(struct cmd *c, int argc, char *argv[]);
	const char *args, *what;
} verbs[] = {
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
	    "current|list [--json]|show id|create id|delete id|prune",
	    "where sessions are kept" },
	{ "models", verb_models, "[catalog|list [--json]]",
	    "what is known of models" },
	{ "capabilities", verb_capabilities, "[--json]",
	    "what this installation can do, as JSON" },
	{ "doctor", verb_doctor, "[--json]", "is everything in place?" },
	{ "init", verb_init, "", "start a project's configuration here" },
};

static const char globals[] =
    "options of every verb:\n"
    "  -r, --realm id | --isolated    which realm (default: the project's)\n"
    "  --state-root dir               where realms are kept\n"
    "  --instance id, --realm-backend sqlite, --context-root dir,\n"
    "  --user-config-root dir\n"
    "The keys are described in rkat-config(5).\n";

static int
help(void)
{
	printf("usage: rkat-config verb [options]\n\n");
	for (size_t i = 0; i < COUNT(verbs); i++)
		printf("  %s %s\n      %s\n", verbs[i].name, verbs[i].args,
		    verbs[i].what);
	printf("\n%s", globals);
	return fflush(stdout) ? 1 : 0;
}

int
cmd_usage(const struct cmd *c)
{
	fprintf(stderr, "usage: %s %s\n", prog, c->synopsis);
	return 2;
}

int
cmd_json_only(struct cmd *c, int argc, char *argv[])
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	int o;

	while ((o = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (o != 'j')
			return cmd_usage(c);
		c->json = true;
	}
	return optind < argc ? cmd_usage(c) : 0;
}

int
cmd_number(struct cmd *c, const char *option, const char *value, int64_t *out)
{
	errno = 0;
	*out = strtoll(value, NULL, 10);
	if (errno || !*value ||
	    strspn(value, "0123456789") != strlen(value))
		return err_set(&c->e, E_INVALID_PARAMS,
		    "%s: want a number from 0 on, not '%.40s'", option, value);
	return 0;
}

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
cmd_write(struct cmd *c, struct buf *b)
{
	int rc = fs_write_all(STDOUT_FILENO, buf_str(b), b->n);

	if (rc < 0 && errno == EPIPE)
		_exit(0);
	buf_trunc(b, 0);
	return rc < 0 ? err_sys(&c->e, E_FAILED, "stdout") : 0;
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

static int
run(struct cmd *c, const struct verb *v, int argc, char *argv[])
{
	char *synopsis = xasprintf("%s %s", v->name, v->args);
	int rc;

	c->synopsis = synopsis;
	argv[1] = argv[0];
	rc = v->run(c, argc - 1, argv + 1);
	realm_free(&c->realm);
	free(synopsis);
	if (rc >= 0)
		return rc;
	return c->json ? err_report_json(prog, &c->e) :
	    err_report(prog, &c->e);
}

int
main(int argc, char *argv[])
{
	struct cmd c = { .json = false };

	prog = "rkat-config";
	/* A file that may not grow is an error like a full disk. */
	signal(SIGXFSZ, SIG_IGN);
	if (realm_args(&argc, argv, &c.opts, &c.e) < 0)
		return err_report(prog, &c.e);
	if (argc > 1 && (!strcmp(argv[1], "--version") ||
	    !strcmp(argv[1], "-V"))) {
		puts("rkat-config " RKAT_VERSION);
		return fflush(stdout) ? 1 : 0;
	}
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return help();
	for (size_t i = 0; argc > 1 && i < COUNT(verbs); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return run(&c, &verbs[i], argc, argv);
	if (argc > 1)
		fprintf(stderr, "%s: unknown verb '%s'\n", prog, argv[1]);
	fprintf(stderr, "usage: rkat-config verb [options]; "
	    "see: rkat-config --help\n");
	return 2;
}
