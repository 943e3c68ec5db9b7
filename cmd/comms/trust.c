#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/option.h"
#include "comms/comms.h"
#include "comms/trust.h"
#include "store/lock.h"

/* Who outside may speak to this realm: comms sheet section 9; binding files: 21.2. */

#define BINDING_LIMIT ((size_t)64 << 10)

struct adding {
	char *name, *key, *address;
	const char *file, *description;
	struct buf labels;		/* JSON object; empty: none */
};

/* ---- a binding file ---- */

static int
bad_binding(struct cmd *c, const char *file, const char *why)
{
	return err_set(&c->e, E_INVALID_PARAMS, "--file %.120s: %s", file, why);
}

/* agent-b.json is agent-b. */
static char *
name_of_file(const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;
	size_t n = strlen(base);

	if (n > 5 && !strcmp(base + n - 5, ".json"))
		n -= 5;
	return xstrndup(base, n);
}

/* The key stands in "identity", or, as contract 0.5 has it, as the peer_id. */
static int
read_binding(struct cmd *c, struct adding *a, struct jtext v)
{
	struct jtext identity = json_get(v, "identity");
	struct jtext kind = json_get(v, "kind");

	if (!json_str_is(kind, "external") && !json_str_is(kind, "host"))
		return bad_binding(c, a->file, "/kind: want external or host");
	a->address = json_get_str(v, "address");
	if (json_str_is(json_get(identity, "kind"), "ed25519_public_key"))
		a->key = json_get_str(identity, "public_key");
	else if (!identity.p)
		a->key = json_get_str(v, "peer_id");
	if (!a->key)
		return bad_binding(c, a->file, "/identity: want kind "
		    "ed25519_public_key and public_key");
	if (!a->address)
		return bad_binding(c, a->file, "/address: want a string");
	if (!a->name && !strcmp(a->file, "-"))
		return bad_binding(c, a->file, "say what it is called with --name");
	if (!a->name)
		a->name = name_of_file(a->file);
	return 0;
}

static int
open_binding(struct cmd *c, struct adding *a)
{
	struct buf b = BUF_INIT;
	struct jtext v;
	int rc;

	rc = strcmp(a->file, "-") ? fs_read(a->file, BINDING_LIMIT, &b, &c->e) :
	    fs_read_fd(STDIN_FILENO, BINDING_LIMIT, &b, &c->e);
	if (rc == 0)
		rc = json_parse(buf_str(&b), b.n, &v, &c->e);
	if (rc < 0)
		err_wrap(&c->e, "--file %.120s", a->file);
	else
		rc = read_binding(c, a, v);
	buf_free(&b);
	return rc;
}

/* ---- add ---- */

static int
put_peer(struct cmd *c, struct adding *a)
{
	struct peer p = { .name = a->name, .address = a->address };
	int rc = -1;

	p.meta = peer_meta_make(a->description, &a->labels);
	if (key_parse(a->key, p.key, &c->e) == 0 && cmd_open(c) == 0)
		rc = trust_add(&c->realm, &p, &c->e);
	if (rc == 0)
		bell_ring(&c->realm, "peerd", 'w');
	free(p.meta);
	return rc;
}

static int
add_options(struct cmd *c, int argc, char *argv[], struct adding *a)
{
	static const struct option opts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "description", required_argument, NULL, 'd' },
		{ "label", required_argument, NULL, 'l' },
		{ "file", required_argument, NULL, 'f' },
		{ "name", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 }
	};
	const char *name = NULL;
	int o, rc = 0;

	while (rc == 0 && (o = cmd_option(c, argc, argv, ":", opts)) != -1)
		switch (o) {
		case 'j': c->json = true; break;
		case 'd': rc = option_text(&a->description, "--description",
		    optarg, &c->e); break;
		case 'l': rc = option_label(&a->labels, "--label",
		    optarg, &c->e); break;
		case 'f': a->file = optarg; break;
		case 'n': name = optarg; break;
		default: return cmd_usage(c);
		}
	if (rc < 0)
		return -1;
	if (argc - optind != (a->file ? 0 : 3) || (name && !a->file))
		return cmd_usage(c);
	a->name = xstrdup(a->file ? name : argv[optind]);
	a->key = xstrdup(a->file ? NULL : argv[optind + 1]);
	a->address = xstrdup(a->file ? NULL : argv[optind + 2]);
	return a->file ? open_binding(c, a) : 0;
}

static int
add(struct cmd *c, int argc, char *argv[])
{
	struct adding a = { .name = NULL };
	int rc = add_options(c, argc, argv, &a);

	if (rc == 0)
		rc = put_peer(c, &a);
	free(a.name);
	free(a.key);
	free(a.address);
	buf_free(&a.labels);
	return rc;
}

/* ---- remove, list ---- */

static int
take_away(struct cmd *c, int argc, char *argv[])
{
	bool removed;

	if (cmd_args(c, argc, argv, 1) < 0)
		return -1;
	if (cmd_open(c) < 0 || trust_remove(&c->realm, argv[optind], &removed,
	    &c->e) < 0)
		return -1;
	if (!removed)
		return err_set(&c->e, E_NOT_FOUND,
		    "peer '%.80s' is not trusted", argv[optind]);
	bell_ring(&c->realm, "peerd", 'w');
	return 0;
}

static void
put_json(struct buf *b, const struct peer *p, const char *key)
{
	jput_open(b, '{');
	jput_kcstr(b, "name", p->name);
	jput_kcstr(b, "pubkey", key);
	jput_kcstr(b, "addr", p->address);
	jput_kraw(b, "meta", p->meta, strlen(p->meta));
	jput_close(b, '}');
}

static void
put_text(struct buf *b, const struct peer *p, const char *key)
{
	char *about = json_get_str(json_text(p->meta), "description");

	comms_put(b, p->name, 200);
	buf_printf(b, "  %s  ", key);
	comms_put(b, p->address, 300);
	if (about) {
		buf_puts(b, "  ");
		comms_put(b, about, 200);
	}
	buf_putc(b, '\n');
	free(about);
}

static int
list(struct cmd *c, int argc, char *argv[])
{
	struct buf b = BUF_INIT;
	struct trust t;
	int rc;

	if (cmd_args(c, argc, argv, 0) < 0)
		return -1;
	if (realm_resolve(&c->opts, &c->realm, &c->e) < 0 ||
	    trust_load(&c->realm, &t, &c->e) < 0)
		return -1;
	if (c->json)
		buf_puts(&b, "{\"peers\":[");
	for (size_t i = 0; i < t.n; i++) {
		char key[KEY_TEXT_LEN + 1];

		key_text(t.v[i].key, key);
		(c->json ? put_json : put_text)(&b, &t.v[i], key);
	}
	if (c->json)
		buf_puts(&b, "]}\n");
	else if (!t.n)
		buf_puts(&b, "Nobody outside is trusted.\n");
	rc = cmd_write(c, &b);
	trust_free(&t);
	buf_free(&b);
	return rc;
}

VERB(verb_trust)
{
	static const struct {
		const char *name;
		int (*run)(struct cmd *c, int argc, char *argv[]);
		const char *synopsis;
	} subs[] = {
		{ "add", add, "trust add name key address [--description text] "
		    "[--label k=v]... | trust add --file file|- [--name name]" },
		{ "remove", take_away, "trust remove who" },
		{ "list", list, "trust list [--json]" },
	};

	for (size_t i = 0; argc > 1 && i < COUNT(subs); i++)
		if (!strcmp(argv[1], subs[i].name)) {
			c->synopsis = subs[i].synopsis;
			argv[1] = argv[0];
			return subs[i].run(c, argc - 1, argv + 1);
		}
	return list(c, argc, argv);
}
