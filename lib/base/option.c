#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/jput.h"
#include "base/option.h"

int
option_bad(struct err *e, const char *flag, const char *want, const char *got)
{
	return err_set(e, E_INVALID_PARAMS, "%s: want %s, got '%.80s'", flag,
	    want, got);
}

int
option_utf8(const char *flag, const char *s, struct err *e)
{
	size_t n = strlen(s), good = utf8_prefix(s, n);

	if (good == n)
		return 0;
	return err_set(e, E_INVALID_PARAMS, "%s: not UTF-8 text (byte %zu)",
	    flag, good);
}

int
option_text(const char **to, const char *flag, const char *arg, struct err *e)
{
	*to = arg;
	return option_utf8(flag, arg, e);
}

int
option_word(const char **to, const char *flag, const char *arg, struct err *e)
{
	if (!arg[strspn(arg, " \t\r\n")])
		return err_set(e, E_INVALID_PARAMS, "%s: the value is empty",
		    flag);
	return option_text(to, flag, arg, e);
}

int
option_number(int64_t *to, int64_t min, int64_t max, const char *flag,
    const char *arg, struct err *e)
{
	char want[80], *end;

	errno = 0;
	*to = strtoll(arg, &end, 10);
	if (!errno && *arg >= '0' && *arg <= '9' && !*end && *to >= min &&
	    *to <= max)
		return 0;
	snprintf(want, sizeof want, "a whole number from %lld to %lld",
	    (long long)min, (long long)max);
	return option_bad(e, flag, want, arg);
}

int
option_list(struct buf *list, const char *flag, const char *arg, struct err *e)
{
	const char *s = arg;

	if (option_word(&s, flag, arg, e) < 0)
		return -1;
	if (list->n)
		buf_trunc(list, list->n - 1);
	else
		jput_open(list, '[');
	jput_cstr(list, s);
	jput_close(list, ']');
	return 0;
}

int
option_label(struct buf *labels, const char *flag, const char *arg,
    struct err *e)
{
	const char *eq = strchr(arg, '=');

	if (!eq || eq == arg)
		return err_set(e, E_INVALID_PARAMS,
		    "%s: expected key=value, got: %.80s", flag, arg);
	if (option_utf8(flag, arg, e) < 0)
		return -1;
	if (labels->n)
		buf_trunc(labels, labels->n - 1);
	else
		jput_open(labels, '{');
	jput_str(labels, arg, (size_t)(eq - arg));
	buf_putc(labels, ':');
	jput_str(labels, eq + 1, strlen(eq + 1));
	jput_close(labels, '}');
	return 0;
}
