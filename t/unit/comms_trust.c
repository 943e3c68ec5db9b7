#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "comms/trust.h"
#include "test.h"
#include "store.h"

/* Identity files, the trust file and addresses. */

static char *
in_realm(const struct place *w, const char *name)
{
	return xasprintf("%s/.rkat/%s", w->r.dir, name);
}

static mode_t
mode_of(const struct place *w, const char *name)
{
	char *path = in_realm(w, name);
	struct stat st = { .st_mode = 0 };

	stat(path, &st);
	free(path);
	return st.st_mode & 07777;
}

static void
put_file(const struct place *w, const char *name, const char *text, size_t n)
{
	char *path = in_realm(w, name), *dir = in_realm(w, "identity");

	OK(fs_mkdirs(dir, 0700, NULL) == 0);
	OK(fs_write_atomic(path, text, n, 0600, NULL) == 0);
	free(path);
	free(dir);
}

static void
fill(struct peer *p, const char *name, int byte)
{
	*p = (struct peer){ .name = (char *)(uintptr_t)name,
	    .address = (char *)(uintptr_t)"tcp://127.0.0.1:4200" };
	memset(p->key, byte, KEY_LEN);
}

TEST(a_key_is_made_once_and_kept)
{
	struct identity *k, *again;
	struct place w;

	place_open(&w);
	OK(!identity_load(&w.r, NULL, false, NULL));
	k = identity_load(&w.r, NULL, true, NULL);
	again = identity_load(&w.r, NULL, false, NULL);
	OK(k && again &&
	    !memcmp(identity_key(k), identity_key(again), KEY_LEN));
	OK(mode_of(&w, "identity/identity.key") == 0600);
	OK(mode_of(&w, "identity") == 0700);
	identity_free(k);
	identity_free(again);
	place_close(&w);
}

TEST(sessions_have_keys_of_their_own)
{
	struct identity *a, *b;
	struct place w;

	place_open(&w);
	a = identity_load(&w.r, NULL, true, NULL);
	b = identity_load(&w.r, w.s.id, true, NULL);
	OK(a && b && memcmp(identity_key(a), identity_key(b), KEY_LEN));
	identity_free(a);
	identity_free(b);
	place_close(&w);
}

TEST(those_who_make_a_key_at_once_get_the_same)
{
	struct identity *k;
	int status, bad = 0;
	struct place w;

	place_open(&w);
	for (int i = 0; i < 8; i++)
		if (fork() == 0) {
			k = identity_load(&w.r, NULL, true, NULL);
			_exit(k ? identity_key(k)[0] : 0);
		}
	k = identity_load(&w.r, NULL, true, NULL);
	for (int i = 0; i < 8; i++)
		if (wait(&status) < 0 || !k ||
		    WEXITSTATUS(status) != identity_key(k)[0])
			bad++;
	OK(bad == 0);
	identity_free(k);
	place_close(&w);
}

TEST(a_key_file_of_another_length_is_refused)
{
	struct err e = ERR_NONE;
	struct place w;

	place_open(&w);
	put_file(&w, "identity/identity.key", "short", 5);
	OK(!identity_load(&w.r, NULL, true, &e));
	OK(strstr(e.text, "Invalid key length: expected 32, got 5"));
	place_close(&w);
}

TEST(rotation_leaves_the_old_public_key)
{
	struct identity *old, *now;
	struct buf b = BUF_INIT;
	struct place w;
	char *path;

	place_open(&w);
	old = identity_load(&w.r, NULL, true, NULL);
	OK(identity_rotate(&w.r, NULL, NULL) == 0);
	now = identity_load(&w.r, NULL, false, NULL);
	OK(old && now &&
	    memcmp(identity_key(old), identity_key(now), KEY_LEN));
	path = in_realm(&w, "identity/identity.old.pub");
	OK(fs_read(path, 100, &b, NULL) == 0 && b.n == KEY_LEN &&
	    !memcmp(b.p, identity_key(old), KEY_LEN));
	OK(mode_of(&w, "identity/identity.key") == 0600);
	buf_free(&b);
	free(path);
	identity_free(old);
	identity_free(now);
	place_close(&w);
}

TEST(peers_are_added_replaced_and_removed)
{
	struct trust t;
	struct peer p;
	struct place w;
	bool removed;

	place_open(&w);
	OK(trust_load(&w.r, &t, NULL) == 0 && t.n == 0);
	fill(&p, "reviewer", 1);
	OK(trust_add(&w.r, &p, NULL) == 0);
	OK(trust_fresh(&w.r, &t, NULL) == 0 && t.n == 1);
	fill(&p, "checker", 1);		/* the same key */
	p.meta = (char []){ "{\"description\":\"checks\"}" };
	OK(trust_add(&w.r, &p, NULL) == 0);
	fill(&p, "tester", 2);
	OK(trust_add(&w.r, &p, NULL) == 0);
	OK(trust_fresh(&w.r, &t, NULL) == 0 && t.n == 2);
	STR_IS(t.v[0].name, "checker");
	STR_IS(t.v[0].meta, "{\"description\":\"checks\"}");
	OK(trust_remove(&w.r, "checker", &removed, NULL) == 0 && removed);
	OK(trust_remove(&w.r, "checker", &removed, NULL) == 0 && !removed);
	OK(trust_fresh(&w.r, &t, NULL) == 0 && t.n == 1);
	STR_IS(t.v[0].name, "tester");
	OK(mode_of(&w, "trusted_peers.json") == 0600);
	trust_free(&t);
	place_close(&w);
}

TEST(a_peer_is_found_by_name_key_and_id)
{
	struct err e = ERR_NONE;
	struct trust t;
	struct peer p;
	struct place w;

	place_open(&w);
	fill(&p, "one", 1);
	OK(trust_add(&w.r, &p, NULL) == 0);
	fill(&p, "twin", 2);
	OK(trust_add(&w.r, &p, NULL) == 0);
	fill(&p, "twin", 0x2a);
	OK(trust_add(&w.r, &p, NULL) == 0);
	OK(trust_load(&w.r, &t, NULL) == 0);
	OK(trust_find(&t, "one", NULL) == &t.v[0]);
	OK(trust_find(&t, "c2a81ee0-aba0-5e8e-a408-d61864a82361", NULL) ==
	    &t.v[0]);
	OK(trust_find(&t, "ed25519:KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio=",
	    NULL) == &t.v[2]);
	OK(!trust_find(&t, "twin", &e));
	OK(strstr(e.text, "several peers"));
	OK(!trust_find(&t, "nobody", &e));
	STR_IS(e.text, "peer 'nobody' is not found or not trusted");
	trust_free(&t);
	place_close(&w);
}

TEST(a_bad_trust_file_is_named_and_the_old_one_stays)
{
	static const char *const bad[] = { "", "[]", "{\"peers\":{}}",
		"{\"peers\":[{}]}", "{\"peers\":[{\"name\":\"x\",\"pubkey\":"
		"\"ed25519:AA==\",\"addr\":\"tcp://a:1\"}]}", "{\"peers\":[1]}" };
	struct err e = ERR_NONE;
	struct trust t;
	struct peer p;
	struct place w;

	place_open(&w);
	fill(&p, "one", 1);
	OK(trust_add(&w.r, &p, NULL) == 0);
	OK(trust_load(&w.r, &t, NULL) == 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		put_file(&w, "trusted_peers.json", bad[i], strlen(bad[i]));
		OK(trust_fresh(&w.r, &t, &e) < 0);
		OK(!strncmp(e.text, "Trust load error: ", 18));
		OK(t.n == 1);
	}
	OK(trust_add(&w.r, &p, NULL) < 0);	/* nothing is thrown away */
	trust_free(&t);
	place_close(&w);
}

TEST(names_are_visible)
{
	OK(peer_name_valid("a"));
	OK(peer_name_valid("cli/0193 \xc3\xa9"));
	OK(!peer_name_valid(""));
	OK(!peer_name_valid("  "));
	OK(!peer_name_valid("a\nb"));
	OK(!peer_name_valid("a\x7f"));
	OK(!peer_name_valid("a\xc2\x85"));
	OK(!peer_name_valid("\xff"));
}

TEST(addresses_are_parsed)
{
	static const struct { const char *in, *host, *port, *path; } good[] = {
		{ "tcp://10.0.0.5:4200", "10.0.0.5", "4200", NULL },
		{ "tcp://reviewer.example.com:1", "reviewer.example.com", "1",
		    NULL },
		{ "tcp://[::1]:4200", "::1", "4200", NULL },
		{ "rkats://h:2", "h", "2", NULL },
		{ "uds:///run/x.sock", NULL, NULL, "/run/x.sock" },
		{ "inproc://agent-a", NULL, NULL, "agent-a" },
	};
	static const char *const bad[] = { "", "tcp://", "tcp://a", "tcp://a:",
		"tcp://:1", "tcp://a:x", "tcp://a:65536", "tcp://::1:1",
		"tcp://[::1", "tcp://[:1", "tcp://[::1]", "tcp://[::1]x:1",
		"uds://", "inproc://",
		"http://a:1", "a:1", "TCP://a:1" };
	struct address a;

	for (size_t i = 0; i < COUNT(good); i++) {
		OK(address_parse(good[i].in, &a, NULL) == 0);
		if (good[i].host) {
			STR_IS(a.host, good[i].host);
			STR_IS(a.port, good[i].port);
		} else {
			STR_IS(a.path, good[i].path);
		}
		address_free(&a);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (address_parse(bad[i], &a, NULL) == 0)
			STR_IS(bad[i], "refused");
		address_free(&a);
	}
}
