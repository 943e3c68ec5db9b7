#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "common.h"

static const char globals[] =
    "options of every verb:\n"
    "  -r, --realm id | --isolated    which realm (default: the project's)\n"
    "  --state-root dir               where realms are kept\n"
    "  --instance id, --realm-backend sqlite, --context-root dir,\n"
    "  --user-config-root dir\n";

static int
help(const struct program *p)
{
	printf("usage: %s verb [options]\n\n", p->name);
	for (size_t i = 0; i < p->n_verbs; i++)
		printf("  %s %s\n      %s\n", p->verbs[i].name,
		    p->verbs[i].args, p->verbs[i].what);
	printf("\n%s%s", globals, p->about);
	return fflush(stdout) ? 1 : 0;
}

int
cmd_usage(const struct cmd *c)
{
	fprintf(stderr, "usage: %s %s\n", prog, c->synopsis);
	return 2;
}

int
cmd_number(struct cmd *c, const char *option, const char *value,
    int64_t min, int64_t *out)
{
	errno = 0;
	*out = strtoll(value, NULL, 10);
	if (errno || !*value || *out < min ||
	    strspn(value, "0123456789") != strlen(value))
		return err_set(&c->e, E_INVALID_PARAMS,
		    "%s: want a number from %lld on, not '%.40s'", option,
		    (long long)min, value);
	return 0;
}

int
cmd_write(struct cmd *c, const struct buf *b)
{
	if (fs_write_all(STDOUT_FILENO, buf_str(b), b->n) == 0)
		return 0;
	if (errno == EPIPE)
		_exit(0);
	return err_sys(&c->e, E_FAILED, "stdout");
}

static int
report(const struct cmd *c)
{
	return c->json ? err_report_json(prog, &c->e) :
	    err_report(prog, &c->e);
}

static int
run(const struct program *p, struct cmd *c, const struct verb *v, int argc,
    char *argv[])
{
	char *synopsis = xasprintf("%s %s", v->name, v->args);
	int rc;

	c->synopsis = synopsis;
	argv[1] = argv[0];
	rc = v->run(c, argc - 1, argv + 1);
	if (p->close)
		p->close(c);
	realm_free(&c->realm);
	free(synopsis);
	if (rc >= 0)
		return rc;
	return report(c);
}

/* Is one of these words there, in front of "--"? */
static bool
asks_for(int argc, char *argv[], const char *a, const char *b)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], a) || !strcmp(argv[i], b))
			return true;
	return false;
}

int
cmd_main(const struct program *p, int argc, char *argv[])
{
	struct cmd c = { .db = NULL };

	prog = p->name;
	/* A file that may not grow is an error like a full disk. */
	signal(SIGXFSZ, SIG_IGN);
	c.json = p->json && asks_for(argc, argv, "--json", "--json");
	if (realm_args(&argc, argv, &c.opts, &c.e) < 0)
		return report(&c);
	if (argc > 1 && (!strcmp(argv[1], "--version") ||
	    !strcmp(argv[1], "-V"))) {
		printf("%s " RKAT_VERSION "\n", prog);
		return fflush(stdout) ? 1 : 0;
	}
	if (asks_for(argc, argv, "--help", "-h"))
		return help(p);
	for (size_t i = 0; argc > 1 && i < p->n_verbs; i++)
		if (!strcmp(argv[1], p->verbs[i].name))
			return run(p, &c, &p->verbs[i], argc, argv);
	if (argc > 1)
		fprintf(stderr, "%s: unknown verb '%s'\n", prog, argv[1]);
	fprintf(stderr, "usage: %s verb [options]; see: %s --help\n", prog,
	    prog);
	return 2;
}
