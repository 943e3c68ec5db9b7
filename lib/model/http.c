#include <arpa/inet.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "base/util.h"
#include "model/http.h"

#define TURN_MS 40		/* longest sleep: bounds how late a cancel is seen */
#define GRACE_MS 100		/* for the end of a complete reply: then the connection is kept */
#define NEARLY_MS 5000

struct http {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer *timer;
	/* the call under way */
	struct http_call *call;
	CURL *easy;
	bool headed;		/* the reply's headers are all here */
	bool stopped;		/* data() said so */
	bool done;
	CURLcode code;
	int64_t start, last, enough_at;
	char error[CURL_ERROR_SIZE];
	char host[256];		/* for error texts */
};

/* ---- libcurl on our loop ---- */

static void
collect_done(struct http *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left))) {
		if (m->msg == CURLMSG_DONE && m->easy_handle == h->easy) {
			h->done = true;
			h->code = m->data.result;
		}
	}
}

static void
on_socket(void *arg, int fd, short revents)
{
	struct http *h = arg;
	int what = 0, running;

	if (revents & POLLIN)
		what |= CURL_CSELECT_IN;
	if (revents & POLLOUT)
		what |= CURL_CSELECT_OUT;
	if (revents & (POLLERR | POLLHUP | POLLNVAL))
		what |= CURL_CSELECT_ERR | CURL_CSELECT_IN;
	curl_multi_socket_action(h->multi, fd, what, &running);
	collect_done(h);
}

static void
on_timer(void *arg)
{
	struct http *h = arg;
	int running;

	h->timer = NULL;
	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect_done(h);
}

static int
set_timer(CURLM *multi, long ms, void *arg)
{
	struct http *h = arg;

	(void)multi;
	loop_untimer(h->timer);
	h->timer = ms < 0 ? NULL : loop_timer(h->loop, ms, on_timer, h);
	return 0;
}

static int
set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch)
{
	struct http *h = arg;
	short events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		loop_unwatch(watch);
		curl_multi_assign(h->multi, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= POLLIN;
	if (what & CURL_POLL_OUT)
		events |= POLLOUT;
	if (watch)
		loop_set(watch, events);
	else
		curl_multi_assign(h->multi, fd,
		    loop_watch(h->loop, fd, events, on_socket, h));
	return 0;
}

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	(void)arg;
	(void)purpose;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

struct http *
http_new(struct loop *l)
{
	static bool global;
	struct http *h = xcalloc(1, sizeof *h);

	if (!global)
		curl_global_init(CURL_GLOBAL_DEFAULT);
	global = true;
	h->loop = l;
	h->multi = curl_multi_init();
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 4L);
	return h;
}

void
http_free(struct http *h)
{
	if (!h)
		return;
	curl_multi_cleanup(h->multi);
	loop_untimer(h->timer);
	free(h);
}

/* ---- what comes in ---- */

/* The value of "Name: value\r\n" if the name fits. */
static void
keep_header(const char *p, size_t n, const char *name, char *to, size_t room)
{
	size_t k = strlen(name);

	if (n <= k || p[k] != ':' || strncasecmp(p, name, k))
		return;
	p += k + 1;
	n -= k + 1;
	while (n && (*p == ' ' || *p == '\t')) {
		p++;
		n--;
	}
	while (n && (unsigned char)p[n - 1] <= ' ')
		n--;
	if (n >= room)
		n = room - 1;
	memcpy(to, p, n);
	to[n] = '\0';
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct http *h = arg;
	struct http_call *c = h->call;
	long status = 0;

	(void)size;
	h->last = time_mono_ms();
	if (n >= 5 && !memcmp(p, "HTTP/", 5)) {
		/* A new head: the one before was 100 Continue. */
		memset(&c->h, 0, sizeof c->h);
		c->type[0] = '\0';
	}
	keep_header(p, n, "content-type", c->type, sizeof c->type);
	keep_header(p, n, "retry-after", c->h.retry_after,
	    sizeof c->h.retry_after);
	keep_header(p, n, "retry-after-ms", c->h.retry_after_ms,
	    sizeof c->h.retry_after_ms);
	keep_header(p, n, "x-should-retry", c->h.should_retry,
	    sizeof c->h.should_retry);
	keep_header(p, n, "request-id", c->h.request_id,
	    sizeof c->h.request_id);
	keep_header(p, n, "x-request-id", c->h.request_id,
	    sizeof c->h.request_id);
	if (n && (*p == '\r' || *p == '\n')) {
		curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
		c->status = (int)status;
		h->headed = status >= 200;
	}
	return n;
}

static size_t
on_data(char *p, size_t size, size_t n, void *arg)
{
	struct http *h = arg;

	(void)size;
	if (h->call->data(h->call->arg, p, n) < 0) {
		h->stopped = true;
		return CURL_WRITEFUNC_ERROR;
	}
	/* After the callbacks: a reader of ours that stalls is not the server's silence. */
	h->last = time_mono_ms();
	return n;
}

/* ---- one call ---- */

/* Host and port of a URL without user, password and path. */
static void
host_of(const char *url, char *to, size_t room, bool port)
{
	CURLU *u = curl_url();
	char *host = NULL, *p = NULL;

	snprintf(to, room, "the server");
	if (u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
	    !curl_url_get(u, CURLUPART_HOST, &host, 0)) {
		if (!port || curl_url_get(u, CURLUPART_PORT, &p, 0))
			snprintf(to, room, "%s", host);
		else
			snprintf(to, room, "%s:%s", host, p);
	}
	curl_free(host);
	curl_free(p);
	curl_url_cleanup(u);
}

bool
http_loopback(const char *url)
{
	char host[256];
	struct in_addr a;

	host_of(url, host, sizeof host, false);
	return !strcasecmp(host, "localhost") || !strcmp(host, "[::1]") ||
	    (inet_pton(AF_INET, host, &a) == 1 &&
	    ntohl(a.s_addr) >> 24 == 127);
}

static long
at_least_one(int64_t ms)
{
	return ms < 1 ? 1 : ms > 86400000 ? 86400000 : (long)ms;
}

static void
set_options(struct http *h, const struct http_call *c,
    struct curl_slist *headers)
{
	const char *ca = getenv("SSL_CERT_FILE");
	CURL *e = h->easy;

	curl_easy_setopt(e, CURLOPT_URL, c->url);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(e, CURLOPT_POSTFIELDS, c->body);
	curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)c->body_n);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "rkat/" RKAT_VERSION);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	/* A resolver that hangs must not hold up a cancel. */
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, 30L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, 30L);
	curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, 90L);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
	    at_least_one(c->d.connect < 0 ? INT64_MAX : c->d.connect));
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->error);
	if (http_loopback(c->url))
		curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	if (ca && *ca)
		curl_easy_setopt(e, CURLOPT_CAINFO, ca);
}

static int
timed_out(struct http *h, struct model_error *me, int64_t ms,
    const char *doing)
{
	return fault_set(me, FAULT_NETWORK_TIMEOUT, " after %" PRId64 "ms %s %s",
	    ms, doing, h->host);
}

/* -1 if a deadline has passed. */
static int
check_deadlines(struct http *h, struct model_error *me)
{
	const struct model_deadlines *d = &h->call->d;
	int64_t now = time_mono_ms();

	if (d->total >= 0 && now - h->start >= d->total)
		return fault_set(me, FAULT_CALL_TIMEOUT, " after %gs",
		    (double)d->total / 1000);
	if (!h->headed && d->first_byte >= 0 &&
	    now - h->start >= d->first_byte)
		return timed_out(h, me, d->first_byte,
		    "waiting for the first byte of the reply from");
	if (h->headed && d->idle >= 0 && now - h->last >= d->idle)
		return timed_out(h, me, d->idle,
		    "waiting for more of the reply from");
	return 0;
}

/* Is what has come all that we need? */
static bool
satisfied(struct http *h)
{
	int64_t now = time_mono_ms();

	switch (h->call->want(h->call->arg)) {
	case HTTP_ENOUGH:
		if (!h->enough_at)
			h->enough_at = now;
		return now - h->enough_at >= GRACE_MS;
	case HTTP_NEARLY:
		return now - h->last >= NEARLY_MS;
	case HTTP_MORE:
		break;
	}
	return false;
}

static int
transport_error(struct http *h, struct model_error *me)
{
	const char *why = *h->error ? h->error : curl_easy_strerror(h->code);

	switch (h->code) {
	case CURLE_OPERATION_TIMEDOUT:
		return timed_out(h, me, h->call->d.connect, "connecting to");
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return fault_set(me, FAULT_INVALID_REQUEST, "%s: %s", h->host,
		    why);
	case CURLE_OUT_OF_MEMORY:
	case CURLE_BAD_FUNCTION_ARGUMENT:
		return fault_set(me, FAULT_UNKNOWN, "%s: %s", h->host, why);
	default:
		return fault_set(me, FAULT_CONNECTION_RESET, ": %s: %s",
		    h->host, why);
	}
}

static int
run(struct http *h, struct model_error *me)
{
	const bool *cancel = h->call->cancel;

	while (!h->done) {
		if (cancel && *(volatile const bool *)cancel)
			return fault_set(me, FAULT_CANCELLED, "%s", "");
		if (satisfied(h))
			return 0;
		if (check_deadlines(h, me) < 0)
			return -1;
		loop_once(h->loop, TURN_MS);
	}
	if (h->stopped)
		return 1;
	return h->code == CURLE_OK ? 0 : transport_error(h, me);
}

/* Copies of the lines, wiped before they are freed: one of them holds the key. */
static void
wipe(struct curl_slist *list)
{
	for (struct curl_slist *l = list; l; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(list);
}

int
http_post(struct http *h, struct http_call *c, struct model_error *me)
{
	struct curl_slist *headers = NULL;
	int rc;

	for (char **line = c->headers; *line; line++)
		headers = curl_slist_append(headers, *line);
	h->call = c;
	h->easy = curl_easy_init();
	h->headed = h->stopped = h->done = false;
	h->code = CURLE_OK;
	h->start = h->last = time_mono_ms();
	h->enough_at = 0;
	h->error[0] = '\0';
	host_of(c->url, h->host, sizeof h->host, true);
	set_options(h, c, headers);
	curl_multi_add_handle(h->multi, h->easy);
	rc = run(h, me);
	curl_multi_remove_handle(h->multi, h->easy);
	curl_easy_cleanup(h->easy);
	h->easy = NULL;
	h->call = NULL;
	wipe(headers);
	return rc;
}
