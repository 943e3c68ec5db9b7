#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/json.h"
#include "base/toml.h"
#include "config/config.h"

/* get, set, patch: cli sheet 8.5. */

/* ---- get ---- */

/* The next name of a dotted path, which may be "quoted"; NULL at a syntax error. */
static char *
next_name(const char **path)
{
	const char *from = *path, *end;

	if (*from == '"') {
		end = strchr(++from, '"');
		if (!end || (end[1] && end[1] != '.'))
			return NULL;
		*path = end + 1;
	} else {
		end = from + strcspn(from, ".");
		*path = end;
	}
	if (**path && !*++*path)
		return NULL;
	return end > from ? xstrndup(from, (size_t)(end - from)) : NULL;
}

/* Walk; parent and name (new) are the last two names. */
static int
find(struct cmd *c, struct jtext *v, const char *path, char **parent,
    char **name)
{
	const char *p = path;

	while (*p) {
		free(*parent);
		*parent = *name;
		*name = next_name(&p);
		if (*name)
			*v = json_is(*v, '[') ? json_path(*v, *name) :
			    json_get(*v, *name);
		if (!*name || !v->p)
			return err_set(&c->e, E_NOT_FOUND,
			    "no such key: %.200s", path);
	}
	return 0;
}

/* One value: plain text for a string, TOML or JSON for the rest. */
static int
get_value(struct cmd *c, const struct config *config, const char *path,
    bool json, bool secrets, struct buf *out)
{
	struct buf b = BUF_INIT;
	struct jtext v = config->v, part;
	char *parent = NULL, *name = xstrdup(""), *s = NULL;
	struct toml *t = NULL;
	size_t n;
	int rc = find(c, &v, path, &parent, &name);

	if (rc < 0)
		goto done;
	config_emit_part(v, parent ? parent : "", name, &b, secrets);
	part = json_slice(b.p, b.n);
	if (json)
		jput_pretty(out, b.p, b.n);
	else if ((s = json_str(part, &n)))
		buf_put(out, s, n);
	else if (!json_is(part, 'n') && (t = toml_of_json(part, &c->e)))
		json_is(part, '{') ? toml_emit(t, out) :
		    toml_emit_value(t, out);
	else if (!json_is(part, 'n'))
		rc = -1;
	if (!out->n || out->p[out->n - 1] != '\n')
		buf_putc(out, '\n');
done:
	toml_free(t);
	free(s);
	free(parent);
	free(name);
	buf_free(&b);
	return rc;
}

static void
get_all(const struct config *config, bool json, bool generation,
    bool secrets, struct buf *out)
{
	struct buf b = BUF_INIT;

	if (!json) {
		if (generation)
			buf_printf(out, "# generation = %" PRId64 "\n",
			    config->generation);
		config_emit_toml(config, &b, secrets);
		buf_put(out, buf_str(&b), b.n);
		buf_putc(out, '\n');
	} else {
		if (generation) {
			jput_open(&b, '{');
			jput_key(&b, "config");
		}
		config_emit_json(config, &b, secrets);
		if (generation) {
			jput_ki64(&b, "generation", config->generation);
			jput_knull(&b, "realm_id");
			jput_knull(&b, "instance_id");
			jput_knull(&b, "backend");
			jput_close(&b, '}');
		}
		jput_pretty(out, b.p, b.n);
		buf_putc(out, '\n');
	}
	buf_free(&b);
}

int
verb_get(struct cmd *c, int argc, char *argv[])
{
	static const struct option opts[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "with-generation", no_argument, NULL, 'g' },
		{ "show-secrets", no_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 }
	};
	bool generation = false, secrets = false;
	const char *format = "toml";
	struct config config;
	struct buf out = BUF_INIT;
	int o, rc = -1;

	while ((o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'f': format = optarg; break;
		case 'g': generation = true; break;
		case 's': secrets = true; break;
		default: return cmd_usage(c);
		}
	if (strcmp(format, "toml") && strcmp(format, "json"))
		return err_set(&c->e, E_INVALID_PARAMS,
		    "--format: want toml or json, not '%.40s'", format);
	if (argc - optind > 1 || (generation && optind < argc))
		return cmd_usage(c);
	c->json = *format == 'j';
	if (optind < argc && !*argv[optind])
		return err_set(&c->e, E_INVALID_PARAMS, "the key is empty");
	if (cmd_config(c, &config) < 0)
		return -1;
	rc = 0;
	if (optind < argc)
		rc = get_value(c, &config, argv[optind], c->json, secrets,
		    &out);
	else
		get_all(&config, c->json, generation, secrets, &out);
	if (rc == 0)
		rc = cmd_write(c, &out);
	config_free(&config);
	buf_free(&out);
	return rc;
}

/* ---- set and patch ---- */

/* Where the new text comes from: exactly one of them. */
struct source {
	const char *file, *json, *toml, *expected;
};

/* 0, or the exit status of a usage error. */
static int
read_options(struct cmd *c, struct source *s, int argc, char *argv[])
{
	static const struct option opts[] = {
		{ "json", required_argument, NULL, 'j' },
		{ "toml", required_argument, NULL, 't' },
		{ "expected-generation", required_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 }
	};
	int o;

	while ((o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'j': s->json = optarg; break;
		case 't': s->toml = optarg; break;
		case 'g': s->expected = optarg; break;
		default: return cmd_usage(c);
		}
	if (optind < argc)
		s->file = argv[optind];
	if (argc - optind > 1 || !s->file + !s->json + !s->toml != 2)
		return cmd_usage(c);
	return 0;
}

static int
read_source(struct cmd *c, const struct source *s, struct buf *b)
{
	int rc;

	if (!s->file)
		buf_puts(b, s->json ? s->json : s->toml);
	if (!s->file)
		return 0;
	rc = strcmp(s->file, "-") ? fs_read(s->file, CONFIG_MAX, b, &c->e) :
	    fs_read_fd(STDIN_FILENO, CONFIG_MAX, b, &c->e);
	return rc < 0 ? err_wrap(&c->e, "Failed to read config file") : 0;
}

/* Text on stdin has no name: JSON begins with a brace, TOML cannot. */
static bool
is_json(const struct source *s, const struct buf *b)
{
	size_t n;

	if (!s->file)
		return s->json != NULL;
	if (!strcmp(s->file, "-"))
		return buf_str(b)[strspn(buf_str(b), " \t\r\n")] == '{';
	n = strlen(s->file);
	return n >= 5 && !strcmp(s->file + n - 5, ".json");
}

/* What is wrong with the content is a failure (1), not a usage error (2). */
static int
failed(struct cmd *c, const char *what)
{
	if (c->e.code == E_INVALID_PARAMS)
		c->e.code = E_FAILED;
	return err_wrap(&c->e, "%s", what);
}

static int
answer(struct cmd *c, int64_t generation)
{
	struct buf b = BUF_INIT;
	int rc;

	buf_printf(&b, "generation=%" PRId64 "\n", generation);
	rc = cmd_write(c, &b);
	buf_free(&b);
	return rc;
}

/* Store it: b is what was given. */
static int
store(struct cmd *c, struct buf *b, bool json, bool patch, int64_t expected,
    int64_t *generation)
{
	struct toml *t;
	struct jtext v;

	if (json && json_parse(buf_str(b), b->n, &v, &c->e) < 0)
		return failed(c, patch ? "Failed to parse JSON patch" :
		    "Failed to parse JSON config");
	if (!json) {
		if (!(t = toml_parse(buf_str(b), b->n, &c->e)))
			return failed(c, "Failed to parse TOML config");
		toml_free(t);
	}
	if (realm_create(&c->realm, &c->e) < 0)
		return -1;
	if (patch)
		return config_patch(&c->realm, v, expected, generation,
		    &c->e) < 0 ? failed(c, "Failed to patch config") : 0;
	if ((json ? config_set(&c->realm, v, expected, generation, &c->e) :
	    config_set_toml(&c->realm, buf_str(b), b->n, expected, generation,
	    &c->e)) < 0)
		return failed(c, "Failed to persist config");
	return 0;
}

static int
edit(struct cmd *c, int argc, char *argv[], bool patch)
{
	struct source s = { NULL, NULL, NULL, NULL };
	struct buf b = BUF_INIT;
	int64_t expected = -1, generation;
	int rc = read_options(c, &s, argc, argv);

	if (rc)
		return rc;
	if (patch && s.toml)
		return cmd_usage(c);
	/* The documents pass a patch as it is: patch '{...}'. */
	if (patch && s.file && s.file[strspn(s.file, " \t\r\n")] == '{') {
		s.json = s.file;
		s.file = NULL;
	}
	rc = -1;
	if (s.expected && cmd_number(c, "--expected-generation", s.expected,
	    0, &expected) < 0)
		goto done;
	if (read_source(c, &s, &b) < 0 || cmd_realm(c) < 0)
		goto done;
	if (store(c, &b, patch || is_json(&s, &b), patch, expected,
	    &generation) == 0)
		rc = answer(c, generation);
done:
	buf_free(&b);
	return rc;
}

int
verb_set(struct cmd *c, int argc, char *argv[])
{
	return edit(c, argc, argv, false);
}

int
verb_patch(struct cmd *c, int argc, char *argv[])
{
	return edit(c, argc, argv, true);
}
