#ifndef STORE_TASKS_H
#define STORE_TASKS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct db;

/*
 * The tasks that an agent notes down (tools sheet 4.1), each a raw JSON object of the
 * sheet's shape.  A session sees its own only.  Inside or outside a transaction.
 */
int task_insert(struct db *db, const char *session, const char *id,
    const char *body, size_t n, struct err *e);
/* NOT_FOUND if there is none of that id. */
int task_save(struct db *db, const char *session, const char *id,
    const char *body, size_t n, struct err *e);
/* 1 and appended to *body, 0 if there is none, -1 on error. */
int task_load(struct db *db, const char *session, const char *id,
    struct buf *body, struct err *e);
/* In the order in which they were made; the text is borrowed for the call. */
int task_each(struct db *db, const char *session,
    void (*cb)(void *arg, struct jtext body), void *arg, struct err *e);

#endif
