#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/util.h"
#include "store/lock.h"
#include "store/realm.h"

/* All realms of a state root: list and remove. */

#define TRASH ".trash-"
#define PATIENCE_MS 500

/* Has a process realm_create'd it?  Seen by the record lock: a look disturbs nobody. */
static bool
held(const struct realm *r)
{
	struct flock mark = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool yes = fd >= 0 && fcntl(fd, F_OFD_GETLK, &mark) == 0 &&
	    mark.l_type != F_UNLCK;

	if (fd >= 0)
		close(fd);
	return yes;
}

/* Locks in run/ that somebody holds. */
static int
count_locks(const struct realm *r)
{
	char *path = fs_join(r->dir, "run");
	DIR *d = opendir(path);
	struct dirent *f;
	int n = 0;

	free(path);
	while (d && (f = readdir(d))) {
		char *dot = strrchr(f->d_name, '.');

		if (!dot || strcmp(dot, ".lock"))
			continue;
		*dot = '\0';
		n += lock_held(r, f->d_name);
	}
	if (d)
		closedir(d);
	return n;
}

static int
count_active(const struct realm *r)
{
	int n = count_locks(r);

	return n ? n : held(r);
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(((const struct realm_info *)a)->id,
	    ((const struct realm_info *)b)->id);
}

int
realm_list(const char *state_root, struct realm_info **list, size_t *n,
    struct err *e)
{
	DIR *d = opendir(state_root);
	struct dirent *f;

	*list = NULL;
	*n = 0;
	if (!d)
		return errno == ENOENT ? 0 :
		    err_sys(e, E_STORAGE_ERROR, "%s", state_root);
	while ((f = readdir(d))) {
		struct realm r = { .dir = fs_join(state_root, f->d_name) };
		struct realm_info info;

		if (*f->d_name != '.' &&
		    realm_manifest(r.dir, &info, NULL) == 0) {
			info.active = count_active(&r);
			*list = xrealloc(*list, (*n + 1) * sizeof **list);
			(*list)[(*n)++] = info;
		}
		free(r.dir);
	}
	closedir(d);
	if (*n)
		qsort(*list, *n, sizeof **list, by_id);
	return 0;
}

void
realm_list_free(struct realm_info *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		realm_info_free(&list[i]);
	free(list);
}

/* What an earlier removal left when it died in the middle. */
static void
sweep_trash(const char *state_root)
{
	DIR *d = opendir(state_root);
	struct dirent *f;

	while (d && (f = readdir(d))) {
		char *path;

		if (strncmp(f->d_name, TRASH, strlen(TRASH)))
			continue;
		path = fs_join(state_root, f->d_name);
		(void)fs_remove_tree(path, NULL);
		free(path);
	}
	if (d)
		closedir(d);
}

static int
busy(const struct realm *r, struct err *e)
{
	int n = count_active(r);

	return err_set(e, E_SESSION_BUSY, "Realm '%s' appears active "
	    "(%d live lease(s)). Use --force to override.", r->id, n ? n : 1);
}

/*
 * The realm for us alone: 1, 0 there is none, -1 somebody has it.  A command that is
 * soon over is waited for.
 */
static int
lock_alone(const struct realm *r, int *fd, struct err *e)
{
	int64_t start = time_mono_ms();

	if (count_locks(r))
		return busy(r, e);
	*fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return errno == ENOENT ? 0 :
		    err_sys(e, E_STORAGE_ERROR, "%s", r->dir);
	while (flock(*fd, LOCK_EX | LOCK_NB) < 0) {
		if (time_mono_ms() - start > PATIENCE_MS)
			return busy(r, e);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return fs_same(*fd, r->dir);	/* else somebody else has removed it */
}

/* 1, or 0 if it was not there. */
static int
rename_away(const char *dir, const char *trash, struct err *e)
{
	crash_point("realm.delete.before");
	if (rename(dir, trash) == 0)
		return 1;
	return errno == ENOENT ? 0 : err_sys(e, E_STORAGE_ERROR, "%s", dir);
}

/*
 * Renamed first: nobody ever opens a realm that is half gone.  Who waited for our lock
 * meanwhile finds that it is the realm no more.
 */
int
realm_delete(const char *state_root, const char *id, bool force,
    struct err *e)
{
	struct realm_opts o = { .realm = id, .state_root = state_root };
	char name[UUID_LEN + 1], *trash;
	struct realm r;
	int rc = 1, lock = -1;

	if (realm_resolve(&o, &r, e) < 0)
		return -1;
	uuid_v7(name);
	trash = xasprintf("%s/" TRASH "%s", state_root, name);
	if (!force)
		rc = lock_alone(&r, &lock, e);
	if (rc > 0)
		rc = rename_away(r.dir, trash, e);
	if (lock >= 0)
		close(lock);
	if (rc > 0)
		rc = fs_remove_tree(trash, e);
	crash_point("realm.delete.after");
	sweep_trash(state_root);
	free(trash);
	realm_free(&r);
	return rc;
}
