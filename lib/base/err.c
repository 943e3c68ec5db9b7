#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/jput.h"

static const struct err_info infos[] = {
	{ "INTERNAL_ERROR", -32603, 500, 1, "internal", "" },
#define ERROR(name, rpc, http, exit, category, hint) \
	{ #name, rpc, http, exit, category, hint },
#include "error.def"
#undef ERROR
};

const struct err_info *
err_info(enum err_code code)
{
	if (code <= E_NONE || code >= E_COUNT)
		return &infos[0];
	return &infos[code];
}

/* One line, whatever a server or a file name put into it. */
static void
flatten(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
}

/* Cut a multi-byte character that snprintf split at the end of the array. */
static void
whole_chars(char *s, size_t cap, int want)
{
	size_t n = strlen(s);

	if (want < 0 || (size_t)want < cap)
		return;
	while (n > 0 && ((unsigned char)s[n - 1] & 0xc0) == 0x80)
		n--;
	if (n > 0 && (unsigned char)s[n - 1] >= 0xc0)
		n--;
	s[n] = '\0';
}

static void
vset(struct err *e, enum err_code code, const char *fmt, va_list ap)
{
	char text[sizeof e->text];
	int want = vsnprintf(text, sizeof text, fmt, ap);

	whole_chars(text, sizeof text, want);
	flatten(text);
	memset(e, 0, sizeof *e);
	e->code = code;
	memcpy(e->text, text, sizeof text);
}

int
err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (e) {
		va_start(ap, fmt);
		vset(e, code, fmt, ap);
		va_end(ap);
	}
	return -1;
}

int
err_wrap(struct err *e, const char *fmt, ...)
{
	char text[sizeof e->text], ctx[256];
	va_list ap;
	int want;

	if (!e)
		return -1;
	va_start(ap, fmt);
	want = vsnprintf(ctx, sizeof ctx, fmt, ap);
	va_end(ap);
	whole_chars(ctx, sizeof ctx, want);
	want = snprintf(text, sizeof text, "%s: %.250s", ctx, e->text);
	whole_chars(text, sizeof text, want);
	flatten(text);
	memcpy(e->text, text, sizeof text);
	return -1;
}

static bool
storage_errno(int no)
{
	return no == ENOSPC || no == EROFS || no == EDQUOT || no == EIO ||
	    no == EFBIG;
}

int
err_sys(struct err *e, enum err_code code, const char *fmt, ...)
{
	char ctx[400];
	int no = errno;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ctx, sizeof ctx, fmt, ap);
	va_end(ap);
	return err_set(e, storage_errno(no) ? E_STORAGE_ERROR : code, "%s: %s",
	    ctx, strerror(no));
}

int
err_report(const char *prog, const struct err *e)
{
	const struct err_info *i = err_info(e->code);

	fprintf(stderr, "%s: %s: %s\n", prog, i->name, e->text);
	if (*i->hint)
		fprintf(stderr, "%s: hint: %s\n", prog, i->hint);
	return i->exit;
}

void
err_emit(const struct err *e, struct buf *b)
{
	const struct err_info *i = err_info(e->code);

	jput_open(b, '{');
	jput_kcstr(b, "code", i->name);
	jput_kcstr(b, "message", e->text);
	jput_kbool(b, "retryable", e->retryable);
	if (e->retry_after_ms > 0)
		jput_ki64(b, "retry_after_ms", e->retry_after_ms);
	if (e->provider_status)
		jput_ki64(b, "provider_status", e->provider_status);
	if (*i->hint)
		jput_kcstr(b, "hint", i->hint);
	jput_close(b, '}');
}

int
err_report_json(const char *prog, const struct err *e)
{
	struct buf b = BUF_INIT;

	(void)prog;
	jput_open(&b, '{');
	jput_key(&b, "error");
	err_emit(e, &b);
	jput_close(&b, '}');
	fprintf(stderr, "%s\n", b.p);
	buf_free(&b);
	return err_info(e->code)->exit;
}
