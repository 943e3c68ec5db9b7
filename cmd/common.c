#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/std.h"
#include "common.h"

static const char globals[] =
    "options of every verb:\n"
    "  -r, --realm id | --isolated    which realm (default: the project's)\n"
    "  --state-root dir               where realms are kept\n"
    "  --instance id, --realm-backend sqlite, --context-root dir,\n"
    "  --user-config-root dir, --help\n";

/* A verb of the help: its synopsis in lines of 80 columns, then what it does. */
static void
help_verb(const struct verb *v)
{
	int at = printf("  %s", v->name);

	for (const char *s = v->args; *s; ) {
		int n = (int)strcspn(s, " ");

		if (at + 1 + n > 79)
			at = printf("\n     ") - 1;
		at += printf(" %.*s", n, s);
		s += n + (s[n] == ' ');
	}
	printf("\n      %s\n", v->what);
}

static int
help(const struct program *p)
{
	printf("usage: %s verb [options]\n\n", p->name);
	for (size_t i = 0; i < p->n_verbs; i++)
		help_verb(&p->verbs[i]);
	return std_say("\n%s%s", globals, p->about);
}

int
cmd_option(struct cmd *c, int argc, char *argv[], const char *letters,
    const struct option *longs)
{
	const char *arg;
	int o, n;

	opterr = 0;
	o = getopt_long(argc, argv, letters, longs, NULL);
	if (o != '?' && o != ':')
		return o;
	arg = argv[optind - 1];
	n = (int)strcspn(arg, "=");
	if (n > 80)
		n = 80;
	if (o == ':')
		err_set(&c->e, E_INVALID_PARAMS, "%.*s: the value is missing",
		    n, arg);
	else if (!optopt)
		err_set(&c->e, E_INVALID_PARAMS, "unknown option %.*s", n, arg);
	else if (!strncmp(arg, "--", 2))
		err_set(&c->e, E_INVALID_PARAMS, "%.*s: takes no value", n, arg);
	else
		err_set(&c->e, E_INVALID_PARAMS, "unknown option -%c", optopt);
	return '?';
}

int
cmd_args(struct cmd *c, int argc, char *argv[], int want)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 }
	};
	int o;

	while ((o = cmd_option(c, argc, argv, ":", opts)) != -1) {
		if (o != 'j')
			return cmd_usage(c);
		c->json = true;
	}
	return argc - optind == want ? 0 : cmd_usage(c);
}

int
cmd_usage(struct cmd *c)
{
	struct err why = c->e;

	return err_set(&c->e, E_INVALID_PARAMS, "%s; usage: %s %s",
	    why.code != E_NONE ? why.text : "wrong arguments", prog,
	    c->synopsis);
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
	return err_set(&c->e, E_FAILED, "standard output: %s", strerror(errno));
}

int
cmd_line(struct cmd *c, struct buf *b)
{
	int rc;

	buf_putc(b, '\n');
	rc = cmd_write(c, b);
	buf_trunc(b, 0);
	return rc;
}

int
cmd_text(struct cmd *c, const char *arg, struct buf *b)
{
	if (strcmp(arg, "-")) {
		buf_puts(b, arg);
	} else {
		if (fs_read_fd(STDIN_FILENO, TEXT_LIMIT, b, &c->e) < 0)
			return err_wrap(&c->e, "stdin");
		if (b->n && b->p[b->n - 1] == '\n')
			buf_trunc(b, b->n - 1);
	}
	return 0;
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

	std_fill();
	prog = p->name;
	/* A file that may not grow is an error like a full disk. */
	signal(SIGXFSZ, SIG_IGN);
	c.json = p->json && asks_for(argc, argv, "--json", "--json");
	if (realm_args(&argc, argv, &c.opts, &c.e) < 0)
		return report(&c);
	if (argc > 1 && (!strcmp(argv[1], "--version") ||
	    !strcmp(argv[1], "-V")))
		return std_version();
	if (asks_for(argc, argv, "--help", "-h"))
		return help(p);
	for (size_t i = 0; argc > 1 && i < p->n_verbs; i++)
		if (!strcmp(argv[1], p->verbs[i].name))
			return run(p, &c, &p->verbs[i], argc, argv);
	if (argc > 1)
		err_set(&c.e, E_INVALID_PARAMS, "unknown verb '%.80s'", argv[1]);
	c.synopsis = "verb [options]; see its --help";
	cmd_usage(&c);
	return report(&c);
}
