#ifndef MODEL_SETTLE_H
#define MODEL_SETTLE_H

#include "model/model.h"

/*
 * After the stream: give the calls of a reply the names that the request's tools had
 * before they were made legal on the wire, and ids that no other call of the session
 * has.  turn counts the assistant messages of the request.
 */
void settle_calls(const struct model_request *rq, struct model_reply *r,
    int64_t turn);

#endif
