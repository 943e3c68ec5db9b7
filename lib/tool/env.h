#ifndef TOOL_ENV_H
#define TOOL_ENV_H

#include "tool/tool.h"

/*
 * The environment of a tool's child: ours without what looks like a secret, PWD, and
 * the session's additions.  Names in env->pass_env or config shell.pass_env stay.
 * tmp (or NULL) becomes TMPDIR.  Free with env_free.
 */
char **env_make(const struct tool_env *env, const char *pwd, const char *tmp);
void env_free(char **envp);

#endif
