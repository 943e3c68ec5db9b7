#ifndef SERVE_REST_H
#define SERVE_REST_H

#include <stdbool.h>
#include <stddef.h>

#include "serve/http.h"

struct db;
struct event_base;
struct feeds;
struct pool;
struct turns;

/*
 * The REST surface (contract rest sheet): routes for http.h, with what they work on.
 * Routes get the struct rest as their arg.
 */
struct rest;

/* All are borrowed. */
struct rest_opts {
	struct event_base *base;
	struct db *db;
	struct pool *pool;
	struct turns *turns;
	struct feeds *feeds;
	bool expose_paths;
};

struct rest *rest_new(const struct rest_opts *o);
void rest_free(struct rest *s);
/* The server that serves the routes: for its numbers. */
void rest_served_by(struct rest *s, const struct http *h);
/* At the end of the server: streams get their last events and end. */
void rest_end_streams(struct rest *s);

extern const struct http_route rest_routes[];
extern const size_t rest_n_routes;

#endif
