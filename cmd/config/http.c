#include <curl/curl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

/*
 * Only doctor talks HTTP, and loading libcurl with all that it needs takes longer than
 * everything else that this command does; so it is loaded when it is first needed.
 */

#define TIMEOUT_MS 5000L
#define BODY_MAX (4 << 20)

static struct {
	void *lib;
	CURL *(*init)(void);
	CURLcode (*setopt)(CURL *, CURLoption, ...);
	CURLcode (*perform)(CURL *);
	CURLcode (*getinfo)(CURL *, CURLINFO, ...);
	void (*cleanup)(CURL *);
	struct curl_slist *(*append)(struct curl_slist *, const char *);
	void (*free_all)(struct curl_slist *);
	curl_version_info_data *(*version)(CURLversion);
} curl;

static bool
load(void)
{
	static const struct { const char *name; void *where; } names[] = {
		{ "curl_easy_init", &curl.init },
		{ "curl_easy_setopt", &curl.setopt },
		{ "curl_easy_perform", &curl.perform },
		{ "curl_easy_getinfo", &curl.getinfo },
		{ "curl_easy_cleanup", &curl.cleanup },
		{ "curl_slist_append", &curl.append },
		{ "curl_slist_free_all", &curl.free_all },
		{ "curl_version_info", &curl.version },
	};

	if (curl.lib)
		return true;
	if (!(curl.lib = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL)))
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		void *f = dlsym(curl.lib, names[i].name);

		if (!f)
			return false;
		memcpy(names[i].where, &f, sizeof f);
	}
	return true;
}

const char *
http_version(void)
{
	return load() ? curl.version(CURLVERSION_NOW)->version : NULL;
}

static size_t
take(char *p, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;

	if (b->n + size * n > BODY_MAX)
		return 0;
	buf_put(b, p, size * n);
	return size * n;
}

int
http_get(const char *url, const char *bearer, long *status, struct buf *body,
    struct err *e)
{
	char why[CURL_ERROR_SIZE] = "", *auth = NULL;
	struct curl_slist *headers = NULL;
	CURL *h;
	CURLcode rc;

	if (!load() || !(h = curl.init()))
		return err_set(e, E_FAILED, "libcurl cannot be loaded");
	if (bearer) {
		auth = xasprintf("Authorization: Bearer %s", bearer);
		headers = curl.append(NULL, auth);
		explicit_bzero(auth, strlen(auth));
	}
	curl.setopt(h, CURLOPT_URL, url);
	curl.setopt(h, CURLOPT_HTTPHEADER, headers);
	curl.setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.setopt(h, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
	curl.setopt(h, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl.setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl.setopt(h, CURLOPT_ERRORBUFFER, why);
	curl.setopt(h, CURLOPT_WRITEFUNCTION, take);
	curl.setopt(h, CURLOPT_WRITEDATA, body);
	if ((rc = curl.perform(h)) == CURLE_OK)
		curl.getinfo(h, CURLINFO_RESPONSE_CODE, status);
	curl.cleanup(h);
	curl.free_all(headers);
	free(auth);
	return rc == CURLE_OK ? 0 : err_set(e, E_FAILED, "%s",
	    *why ? why : "the request failed");
}
