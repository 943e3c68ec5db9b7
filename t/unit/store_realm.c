#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/blobs.h"
#include "store/lock.h"
#include "test.h"
#include "store.h"

TEST(explicit_ids_follow_the_rule)
{
	OK(realm_id_valid("a"));
	OK(realm_id_valid("Team_1-x"));
	OK(!realm_id_valid(""));
	OK(!realm_id_valid("-a"));
	OK(!realm_id_valid("_a"));
	OK(!realm_id_valid("a b"));
	OK(!realm_id_valid("a:b"));
	OK(!realm_id_valid("../x"));
	OK(!realm_id_valid("caf\xc3\xa9"));
	OK(!realm_id_valid("0193a3b4-0000-7000-8000-000000000000"));
	OK(!realm_id_valid("0193a3b4000070008000000000000000"));
	OK(realm_id_valid("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaa"));
	OK(!realm_id_valid("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaa"));
}

/* The sheet's values; these paths do not exist, so they are taken as they are. */
TEST(workspace_ids_are_fnv1a_of_the_root)
{
	struct realm_opts o = { .state_root = "/tmp" };
	struct realm r;

	o.context_root = "/home/user/project";
	OK(realm_resolve(&o, &r, NULL) == 0);
	STR_IS(r.id, "ws-f8a71a04e8340307");
	STR_IS(r.origin, "workspace");
	realm_free(&r);
	o.context_root = "/srv/app";
	OK(realm_resolve(&o, &r, NULL) == 0);
	STR_IS(r.id, "ws-148a99b954e2c46f");
	STR_IS(r.dir, "/tmp/ws-148a99b954e2c46f");
	realm_free(&r);
}

TEST(global_flags_are_taken_out_of_argv)
{
	char *argv[] = { "rkat", "--realm=a", "list", "--state-root", "/s",
	    "--json", "--", "--realm", "b", NULL };
	struct realm_opts o;
	int argc = 9;

	OK(realm_args(&argc, argv, &o, NULL) == 0);
	OK(argc == 6);
	STR_IS(argv[1], "list");
	STR_IS(argv[2], "--json");
	STR_IS(argv[3], "--");
	STR_IS(argv[4], "--realm");
	OK(!argv[6]);
	STR_IS(o.realm, "a");
	STR_IS(o.state_root, "/s");
}

TEST(a_flag_without_its_value_is_refused)
{
	char *argv[] = { "rkat", "list", "-r", NULL };
	struct realm_opts o;
	struct err e = ERR_NONE;
	int argc = 3;

	OK(realm_args(&argc, argv, &o, &e) < 0);
	OK(e.code == E_INVALID_PARAMS);
}

TEST(the_home_directory_is_no_project_unless_one_stands_in_it)
{
	char top[] = "/tmp/rkat-unit.XXXXXX", *home, *sub, *mark, *old;
	struct realm_opts o = { .state_root = "/tmp" };
	struct realm r;

	old = xstrdup(getenv("HOME"));
	OK(mkdtemp(top) != NULL);
	home = fs_join(top, "home");
	sub = fs_join(home, "a/b");
	mark = fs_join(home, ".rkat");
	OK(fs_mkdirs(sub, 0700, NULL) == 0);
	OK(fs_mkdirs(mark, 0700, NULL) == 0);
	setenv("HOME", home, 1);
	OK(chdir(sub) == 0);
	OK(realm_resolve(&o, &r, NULL) == 0);
	STR_IS(r.context_root, sub);
	realm_free(&r);
	OK(chdir(home) == 0);
	OK(realm_resolve(&o, &r, NULL) == 0);
	STR_IS(r.context_root, home);
	realm_free(&r);
	free(mark);
	mark = fs_join(home, "a/.rkat");
	OK(fs_mkdirs(mark, 0700, NULL) == 0);
	OK(chdir(sub) == 0);
	OK(realm_resolve(&o, &r, NULL) == 0);
	OK(strlen(r.context_root) == strlen(home) + 2);
	realm_free(&r);
	OK(chdir("/") == 0);
	setenv("HOME", old ? old : "", 1);
	fs_remove_tree(top, NULL);
	free(old);
	free(mark);
	free(sub);
	free(home);
}

TEST(manifest_pins_the_backend)
{
	struct place p;
	struct realm_opts o = { .realm = "test", .state_root = p.root };
	struct realm_info info;
	struct realm r;
	struct stat st;
	struct err e = ERR_NONE;
	char *path;

	place_open(&p);
	STR_IS(p.r.backend, "sqlite");
	OK(stat(p.r.dir, &st) == 0 && (st.st_mode & 0777) == 0700);
	OK(realm_manifest(p.r.dir, &info, NULL) == 0);
	STR_IS(info.id, "test");
	STR_IS(info.origin, "explicit");
	OK(info.created_at > 1700000000);
	realm_info_free(&info);
	path = fs_join(p.r.dir, "realm_manifest.json");
	OK(fs_write_atomic(path, "{\"realm_id\":\"test\",\"backend\":\"jsonl\"}",
	    37, 0600, NULL) == 0);
	o.backend = "sqlite";
	OK(realm_resolve(&o, &r, &e) == 0);
	OK(realm_create(&r, &e) < 0);
	OK(e.code == E_INVALID_PARAMS && strstr(e.text, "'jsonl', not 'sqlite'"));
	realm_free(&r);
	OK(fs_write_atomic(path, "{", 1, 0600, NULL) == 0);
	o.backend = NULL;
	OK(realm_resolve(&o, &r, &e) == 0);
	OK(realm_create(&r, &e) < 0 && strstr(e.text, "realm_manifest.json"));
	OK(e.code == E_STORAGE_ERROR);
	realm_free(&r);
	free(path);
	place_close(&p);
}

TEST(realms_are_listed_and_deleted)
{
	struct place p;
	struct realm_opts o = { .realm = "b", .state_root = p.root };
	struct realm_info *list;
	struct realm r;
	struct err e = ERR_NONE;
	size_t n;
	int fd;

	place_open(&p);
	OK(realm_resolve(&o, &r, NULL) == 0 && realm_create(&r, NULL) == 0);
	OK(lock_session(&p.r, p.s.id, &fd, NULL) == 0);
	OK(realm_list(p.root, &list, &n, NULL) == 0 && n == 2);
	STR_IS(list[0].id, "b");
	OK(list[0].active == 1);	/* we have it open */
	OK(list[1].active == 1);
	realm_list_free(list, n);
	OK(realm_delete(p.root, "test", false, &e) < 0);
	OK(e.code == E_SESSION_BUSY);
	OK(realm_delete(p.root, "test", true, NULL) == 0);
	OK(realm_delete(p.root, "test", false, NULL) == 0);
	OK(!fs_exists(p.r.dir));
	OK(realm_list(p.root, &list, &n, NULL) == 0 && n == 1);
	realm_list_free(list, n);
	close(fd);
	OK(realm_delete(p.root, "b", false, &e) < 0);
	OK(e.code == E_SESSION_BUSY);
	OK(strstr(e.text, "Realm 'b' appears active (1 live lease(s))."));
	realm_free(&r);
	OK(realm_list(p.root, &list, &n, NULL) == 0 && n == 1);
	OK(list[0].active == 0);
	realm_list_free(list, n);
	OK(realm_delete(p.root, "b", false, NULL) == 0);
	OK(realm_list(p.root, &list, &n, NULL) == 0 && n == 0);
	place_close(&p);
}

TEST(one_lock_one_holder)
{
	struct place p;
	struct err e = ERR_NONE;
	int a, b, w;
	pid_t pid;

	place_open(&p);
	OK(!lock_held(&p.r, p.s.id));
	OK(lock_session(&p.r, p.s.id, &a, NULL) == 0);
	OK(lock_held(&p.r, p.s.id));
	OK(lock_session(&p.r, p.s.id, &b, &e) < 0);
	OK(e.code == E_SESSION_BUSY && b == -1);
	close(a);
	OK(!lock_held(&p.r, p.s.id));
	if ((pid = fork()) == 0) {
		lock_session(&p.r, p.s.id, &a, NULL);
		_exit(lock_held(&p.r, p.s.id) ? 7 : 1);
	}
	OK(waitpid(pid, &w, 0) == pid && WEXITSTATUS(w) == 7);
	OK(lock_session(&p.r, p.s.id, &a, NULL) == 0);
	close(a);
	place_close(&p);
}

static void
rings(const struct realm *r)
{
	int fd = -1, again = -1;

	OK(!bell_ring(r, "x", 'w'));
	OK(bell_open(r, "x", &fd, NULL) == 0);
	OK(bell_read(fd) == 0);
	OK(bell_ring(r, "x", 'w') && bell_ring(r, "x", 'i'));
	OK(bell_read(fd) == 'w');
	OK(bell_read(fd) == 'i');
	OK(bell_read(fd) == 0);
	close(fd);	/* as a holder that died */
	OK(!bell_ring(r, "x", 'w'));
	OK(bell_open(r, "x", &again, NULL) == 0);
	OK(bell_ring(r, "x", 'w') && bell_read(again) == 'w');
	bell_close(r, "x", again);
	OK(!bell_ring(r, "x", 'w'));
}

TEST(the_bell_rings_under_paths_of_any_length)
{
	struct realm_opts o = { .realm = "r" };
	struct realm r;
	struct place p;
	char *deep;

	place_open(&p);
	rings(&p.r);
	deep = xasprintf("%s/%0100d/%0100d", p.root, 1, 2);
	o.state_root = deep;
	OK(realm_resolve(&o, &r, NULL) == 0 && realm_create(&r, NULL) == 0);
	rings(&r);
	realm_free(&r);
	free(deep);
	place_close(&p);
}

TEST(blobs_are_named_by_their_contents)
{
	struct buf b = BUF_INIT;
	struct place p;
	struct err e = ERR_NONE;
	char id[72], again[72], *media, *path;

	place_open(&p);
	OK(blob_put(&p.r, "image/png", "aGk=", 4, id, NULL) == 0);
	STR_IS(id, "sha256:585fb4d7aea52ee17c8b9c318351d7ce58f9c96570d7eb9d"
	    "1381bd6702b490d9");
	OK(blob_put(&p.r, "image/png", "aGk=", 4, again, NULL) == 0);
	STR_IS(again, id);
	OK(blob_get(&p.r, id, &media, &b, NULL) == 0);
	STR_IS(media, "image/png");
	STR_IS(buf_str(&b), "aGk=");
	free(media);
	path = xasprintf("%s/blobs/%.2s/%s.json", p.r.dir, id + 7, id + 7);
	OK(fs_write_atomic(path,
	    "{\"media_type\":\"image/png\",\"data\":\"aGo=\"}", 39, 0600,
	    NULL) == 0);
	OK(blob_get(&p.r, id, &media, &b, &e) < 0);
	OK(e.code == E_INTERNAL_ERROR && !media);
	unlink(path);
	OK(blob_get(&p.r, id, &media, &b, &e) < 0 && e.code == E_NOT_FOUND);
	OK(blob_get(&p.r, "sha256:../../../etc/passwd", &media, &b, &e) < 0);
	OK(e.code == E_INVALID_PARAMS);
	free(path);
	buf_free(&b);
	place_close(&p);
}
