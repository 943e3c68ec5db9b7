/*
 * Any bytes as a realm's trusted_peers.json: what is read is found by key, and written
 * by us it reads the same.  Addresses, keys and names as people type them.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "comms/trust.h"
#include "store/realm.h"
#include "fuzz.h"

/* In memory: each input is a synced file. */
static char root[] = "/dev/shm/rkat-fuzz.XXXXXX";
static struct realm realm;
static char *path;

static void
clean(void)
{
	fs_remove_tree(root, NULL);
}

static void
place(void)
{
	struct realm_opts o = { .realm = "fuzz", .state_root = root };
	char *dir;

	CLAIM(mkdtemp(root));
	atexit(clean);
	CLAIM(realm_resolve(&o, &realm, NULL) == 0);
	CLAIM(realm_create(&realm, NULL) == 0);
	dir = fs_join(realm.dir, ".rkat");
	CLAIM(fs_mkdirs(dir, 0700, NULL) == 0);
	path = fs_join(dir, "trusted_peers.json");
	free(dir);
}

static void
put_file(const uint8_t *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CLAIM(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

static void
written(const struct trust *t)
{
	struct trust again;

	if (trust_add(&realm, &t->v[0], NULL) < 0)
		return;		/* a name or an address that we would not write */
	CLAIM(trust_load(&realm, &again, NULL) == 0);
	CLAIM(again.n == t->n);
	for (size_t i = 0; i < t->n; i++) {
		CLAIM(!strcmp(again.v[i].name, t->v[i].name));
		CLAIM(!memcmp(again.v[i].key, t->v[i].key, KEY_LEN));
		CLAIM(trust_by_key(&again, t->v[i].key));
	}
	trust_free(&again);
}

static void
words(const uint8_t *p, size_t n)
{
	char *s = xstrndup((const char *)p, n);
	char text[KEY_TEXT_LEN + 1];
	unsigned char key[KEY_LEN];
	struct address a;

	(void)peer_name_valid(s);
	if (address_parse(s, &a, NULL) == 0)
		address_free(&a);
	if (key_parse(s, key, NULL) == 0) {
		key_text(key, text);
		CLAIM(!strcmp(text, s));
	}
	free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = ERR_NONE;
	struct trust t;

	if (!path)
		place();
	words(p, n);
	put_file(p, n);
	if (trust_load(&realm, &t, &e) < 0) {
		CLAIM(!strncmp(e.text, "Trust load error: ", 18));
		return 0;
	}
	if (t.n)
		written(&t);
	trust_free(&t);
	return 0;
}
