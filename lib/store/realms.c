#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/util.h"
#include "store/lock.h"
#include "store/realm.h"

/* All realms of a state root: list and remove. */

#define TRASH ".trash-"

/* Locks in run/ that somebody holds. */
static int
count_active(const struct realm *r)
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

/* Renamed first: nobody ever opens a realm that is half gone. */
static int
remove_dir(const char *state_root, const char *dir, struct err *e)
{
	char id[UUID_LEN + 1], *trash;
	int rc = -1;

	uuid_v7(id);
	trash = xasprintf("%s/" TRASH "%s", state_root, id);
	crash_point("realm.delete.before");
	if (rename(dir, trash) < 0)
		err_sys(e, E_STORAGE_ERROR, "%s", dir);
	else
		rc = fs_remove_tree(trash, e);
	crash_point("realm.delete.after");
	sweep_trash(state_root);
	free(trash);
	return rc;
}

int
realm_delete(const char *state_root, const char *id, bool force,
    struct err *e)
{
	struct realm_opts o = { .realm = id, .state_root = state_root };
	struct realm r;
	int rc = 0, active;

	if (realm_resolve(&o, &r, e) < 0)
		return -1;
	active = count_active(&r);
	if (active && !force)
		rc = err_set(e, E_SESSION_BUSY, "Realm '%s' appears active "
		    "(%d live lease(s)). Use --force to override.", id, active);
	else if (fs_exists(r.dir))
		rc = remove_dir(state_root, r.dir, e);
	realm_free(&r);
	return rc;
}
