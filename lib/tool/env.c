#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "store/config.h"
#include "tool/env.h"
#include "tool/policy.h"

/*
 * Names (in upper case) of variables that hold secrets; the providers' keys of config
 * sheet 6.4 are among them.  Sockets of key agents and session buses lead out of a
 * sandbox, so there they go, too.
 */
static const char *const secret[] = {
	"*API_KEY*", "*APIKEY*", "*ACCESS_KEY*", "*PRIVATE_KEY*",
	"*_TOKEN", "*_TOKENS", "TOKEN", "*SECRET*", "*PASSWORD*", "*PASSWD*",
	"*PASSPHRASE*", "*CREDENTIAL*", "AWS_*", "RKAT_*KEY*", "RKAT_*TOKEN*",
};
static const char *const doors[] = {
	"SSH_AUTH_SOCK", "GPG_AGENT_INFO", "DBUS_*", "DOCKER_HOST",
};

struct env {
	char **v;
	size_t n;
};

static bool
matches(const char *const *globs, size_t n, const char *name)
{
	char upper[256];
	size_t i;

	for (i = 0; i < sizeof upper - 1 && name[i]; i++)
		upper[i] = (char)toupper((unsigned char)name[i]);
	upper[i] = '\0';
	for (size_t k = 0; k < n; k++)
		if (glob_match(globs[k], upper, false))
			return true;
	return false;
}

static struct jtext
configured(const struct tool_env *env, const char *path)
{
	return env->config ? config_at(env->config, path) : JTEXT_NONE;
}

static bool
passed(const struct tool_env *env, const char *name)
{
	for (size_t i = 0; env->pass_env && env->pass_env[i]; i++)
		if (!strcmp(env->pass_env[i], name))
			return true;
	for (struct jiter it = json_iter(configured(env, "shell/pass_env"));
	    json_next(&it); )
		if (json_str_is(it.value, name))
			return true;
	return false;
}

/* The variable that the configuration names as a server's key. */
static bool
server_key(const struct tool_env *env, const char *name)
{
	for (struct jiter it = json_iter(configured(env,
	    "self_hosted/servers")); json_next(&it); )
		if (json_str_is(json_get(it.value, "bearer_token_env"), name))
			return true;
	return false;
}

static bool
kept(const struct tool_env *env, const char *name)
{
	if (passed(env, name))
		return true;
	if (matches(secret, COUNT(secret), name) || server_key(env, name))
		return false;
	return env->sandbox == SANDBOX_OFF ||
	    !matches(doors, COUNT(doors), name);
}

/* Add "name=value", in place of an older one of that name; takes it. */
static void
put(struct env *e, char *entry)
{
	size_t n = strcspn(entry, "=") + 1, i;

	for (i = 0; i < e->n; i++)
		if (!strncmp(e->v[i], entry, n))
			break;
	if (i < e->n) {
		free(e->v[i]);
		e->v[i] = entry;
		return;
	}
	e->v = xrealloc(e->v, (e->n + 2) * sizeof *e->v);
	e->v[e->n++] = entry;
	e->v[e->n] = NULL;
}

char **
env_make(const struct tool_env *env, const char *pwd, const char *tmp)
{
	struct env e = { .v = xcalloc(1, sizeof *e.v) };

	for (char **p = environ; p && *p; p++) {
		char *name = xstrndup(*p, strcspn(*p, "="));

		if (kept(env, name))
			put(&e, xstrdup(*p));
		free(name);
	}
	put(&e, xasprintf("PWD=%s", pwd));
	if (tmp)
		put(&e, xasprintf("TMPDIR=%s", tmp));
	for (struct jiter it = json_iter(env->shell_env); json_next(&it); ) {
		char *name = json_str(it.key, NULL);
		char *value = json_str(it.value, NULL);

		if (name && *name && value && !strchr(name, '='))
			put(&e, xasprintf("%s=%s", name, value));
		free(name);
		free(value);
	}
	return e.v;
}

void
env_free(char **envp)
{
	for (char **p = envp; p && *p; p++)
		free(*p);
	free(envp);
}
