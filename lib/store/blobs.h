#ifndef STORE_BLOBS_H
#define STORE_BLOBS_H

#include "base/buf.h"
#include "base/err.h"
#include "store/realm.h"

/*
 * blobs/<2 hex>/<64 hex>.json = {"media_type":..,"data":"<base64>"}; the id is
 * "sha256:" + hex of SHA-256(media_type, 0x00, base64 text).  Content addressed:
 * writing the same again is free.  Durable when blob_put returns.
 */
int blob_put(const struct realm *r, const char *media_type,
    const char *base64, size_t n, char id[72], struct err *e);
/* NOT_FOUND; a damaged file is INTERNAL_ERROR.  *media_type is new. */
int blob_get(const struct realm *r, const char *id, char **media_type,
    struct buf *base64, struct err *e);

#endif
