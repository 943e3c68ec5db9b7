#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "base/after.h"
#include "base/fs.h"
#include "base/util.h"
#include "sim/record.h"

#define ANSWER_MAX	((size_t)256 << 20)

/*
 * libcurl's multi interface on our event loop:
 * https://curl.se/libcurl/c/curl_multi_socket_action.html
 */
struct recorder {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
	char *upstream;		/* without a slash at the end */
	char *dir;
	long next;		/* number of the next file */
	struct transfer *transfers;
};

struct transfer {
	struct recorder *r;
	struct transfer *next, **prev;
	struct conn *c;
	struct request rq;
	CURL *easy;
	struct curl_slist *headers;
	char problem[CURL_ERROR_SIZE];
	struct answered a;
	bool started;
};

static int
is_numbered(const struct dirent *f)
{
	return !strcmp(f->d_name + strspn(f->d_name, "0123456789"), ".json");
}

/* Numbers go on behind the highest that is there. */
static int
find_next(struct recorder *r, struct err *e)
{
	struct dirent **files = NULL;
	int n = scandir(r->dir, &files, is_numbered, alphasort);

	if (n < 0)
		return err_sys(e, E_FAILED, "%s", r->dir);
	r->next = 1;
	for (int i = 0; i < n; i++) {
		long number = strtol(files[i]->d_name, NULL, 10);

		if (number >= r->next)
			r->next = number + 1;
		free(files[i]);
	}
	free(files);
	return 0;
}

/* ---- one exchange ---- */

static void
save(struct transfer *t)
{
	struct err e = ERR_NONE;
	char name[32], *path;

	snprintf(name, sizeof name, "%04ld.json", t->r->next++);
	path = fs_join(t->r->dir, name);
	if (exchange_save(path, t->rq.http, &t->a, &e) < 0)
		err_report(prog, &e);
	free(path);
}

static void
transfer_free(struct transfer *t)
{
	curl_multi_remove_handle(t->r->multi, t->easy);
	curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	if ((*t->prev = t->next))
		t->next->prev = t->prev;
	request_free(&t->rq);
	buf_free(&t->a.fields);
	buf_free(&t->a.body);
	free(t->a.type);
	free(t);
}

/* The client has left: nobody waits for the answer, and half of one is no record. */
static void
on_gone(void *arg)
{
	transfer_free(arg);
}

static long
status_of(const struct transfer *t)
{
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static void
start(struct transfer *t)
{
	struct buf b = BUF_INIT;

	if (t->started)
		return;
	t->started = true;
	if (t->a.type)
		buf_printf(&b, "content-type: %s\r\n", t->a.type);
	buf_put(&b, buf_str(&t->a.fields), t->a.fields.n);
	http_start(t->c, (int)status_of(t), buf_str(&b));
	buf_free(&b);
}

/* These tell a client something and nobody a secret. */
static bool
harmless(const char *line)
{
	static const char *const names[] = { "retry-after:", "retry-after-ms:",
	    "request-id:", "x-request-id:", "anthropic-ratelimit-",
	    "x-ratelimit-", "x-should-retry:" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (header_starts(line, names[i]))
			return true;
	return false;
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	char *line = xstrndup(p, n *= size), *v;

	line[strcspn(line, "\r\n")] = '\0';
	v = strchr(line, ':');
	if (header_starts(line, "HTTP/")) {	/* again after 100 Continue */
		buf_trunc(&t->a.fields, 0);
	} else if (v) {
		for (v++; *v == ' ' || *v == '\t'; v++)
			;
		if (header_starts(line, "content-type:")) {
			free(t->a.type);
			t->a.type = xstrdup(v);
		} else if (harmless(line)) {
			buf_printf(&t->a.fields, "%.*s: %s\r\n",
			    (int)strcspn(line, ":"), line, v);
		}
	}
	free(line);
	return n;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	n *= size;
	if (t->a.body.n + n > ANSWER_MAX)
		return 0;
	start(t);
	http_write(t->c, p, n);
	buf_put(&t->a.body, p, n);
	return n;
}

static void
finish(struct transfer *t, CURLcode result)
{
	struct failure f = { .status = 502 };
	struct conn *c = t->c;
	char *message;
	enum ending end = result == CURLE_OK ? END_CLEAN : END_DROP;

	if (result != CURLE_OK && !t->started) {
		message = xasprintf("rkat-sim: upstream: %s", *t->problem ?
		    t->problem : curl_easy_strerror(result));
		f.message = message;
		http_on_gone(c, NULL, NULL);
		sim_fail(c, &t->rq, &f);
		free(message);
		transfer_free(t);
		return;
	}
	start(t);
	t->a.status = status_of(t);
	t->a.truncated = end == END_DROP;
	save(t);
	transfer_free(t);
	http_end(c, end);
}

static void
reap(struct recorder *r)
{
	CURLMsg *m;
	struct transfer *t;
	int left;

	while ((m = curl_multi_info_read(r->multi, &left))) {
		CURLcode result = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		finish(t, result);
	}
}

static bool
passed_on(const char *name)
{
	static const char *const ours[] = { "host", "content-length",
	    "connection", "expect", "transfer-encoding", "accept-encoding",
	    "keep-alive", "te", "upgrade" };

	for (size_t i = 0; i < COUNT(ours); i++)
		if (!strcmp(name, ours[i]))
			return false;
	return true;
}

static void
set_headers(struct transfer *t, const struct http_request *http)
{
	for (size_t i = 0; i < http->n_headers; i++) {
		const struct header *h = &http->headers[i];
		char *line;

		if (!passed_on(h->name))
			continue;
		line = *h->value ? xasprintf("%s: %s", h->name, h->value) :
		    xasprintf("%s;", h->name);
		t->headers = curl_slist_append(t->headers, line);
		free(line);
	}
	t->headers = curl_slist_append(t->headers, "expect:");
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

void
recorder_handle(struct recorder *r, struct conn *c, struct request *rq)
{
	struct transfer *t = xcalloc(1, sizeof *t);
	const struct http_request *http = rq->http;
	char *url = xasprintf("%s%s%s%s", r->upstream, http->path,
	    *http->query ? "?" : "", http->query);

	t->r = r;
	t->c = c;
	t->rq = *rq;
	if ((t->next = r->transfers))
		t->next->prev = &t->next;
	t->prev = &r->transfers;
	r->transfers = t;
	t->easy = curl_easy_init();
	curl_easy_setopt(t->easy, CURLOPT_URL, url);
	curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT, 30L);
	curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)http->body.n);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, buf_str(&http->body));
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->problem);
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	set_headers(t, http);
	http_on_gone(c, on_gone, t);
	curl_multi_add_handle(r->multi, t->easy);
	free(url);
}

/* ---- libcurl on libevent ---- */

static void
on_socket_event(evutil_socket_t fd, short what, void *arg)
{
	struct recorder *r = arg;
	int running;

	curl_multi_socket_action(r->multi, fd,
	    (what & EV_READ ? CURL_CSELECT_IN : 0) |
	    (what & EV_WRITE ? CURL_CSELECT_OUT : 0), &running);
	reap(r);
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch)
{
	struct recorder *r = arg;
	short events = EV_PERSIST;
	struct event *ev = watch;

	(void)easy;
	if (ev)
		event_free(ev);
	if (what == CURL_POLL_REMOVE)
		return 0;
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	ev = event_new(r->base, fd, events, on_socket_event, r);
	event_add(ev, NULL);
	curl_multi_assign(r->multi, fd, ev);
	return 0;
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct recorder *r = arg;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(r->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	reap(r);
}

static int
on_timer(CURLM *multi, long ms, void *arg)
{
	struct recorder *r = arg;

	(void)multi;
	if (ms < 0)
		event_del(r->timer);
	else
		event_after(r->timer, ms);
	return 0;
}

struct recorder *
recorder_open(struct event_base *base, const char *upstream, const char *dir,
    struct err *e)
{
	struct recorder *r;
	size_t n = strlen(upstream);

	if (!header_starts(upstream, "http://") && !header_starts(upstream, "https://")) {
		err_set(e, E_INVALID_PARAMS,
		    "--upstream %s: want an http or https URL", upstream);
		return NULL;
	}
	if (fs_mkdirs(dir, 0700, e) < 0)
		return NULL;
	r = xcalloc(1, sizeof *r);
	while (n && upstream[n - 1] == '/')
		n--;
	r->upstream = xstrndup(upstream, n);
	r->dir = xstrdup(dir);
	r->base = base;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r->multi = curl_multi_init();
	r->timer = event_new(base, -1, 0, on_timeout, r);
	curl_multi_setopt(r->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(r->multi, CURLMOPT_SOCKETDATA, r);
	curl_multi_setopt(r->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(r->multi, CURLMOPT_TIMERDATA, r);
	if (find_next(r, e) < 0) {
		recorder_close(r);
		return NULL;
	}
	return r;
}

/* After the server is closed: then no transfer is left. */
void
recorder_close(struct recorder *r)
{
	if (!r)
		return;
	curl_multi_cleanup(r->multi);
	event_free(r->timer);
	curl_global_cleanup();
	free(r->upstream);
	free(r->dir);
	free(r);
}
