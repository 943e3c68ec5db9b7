#include <string.h>

#include "base/data.h"
#include "serve/rest_impl.h"

/* What the surface says of itself, built in from share/openapi.json. */
BUILT_IN(rest_document, "share/openapi.json");
extern const char rest_document[];

ROUTE(rest_openapi)
{
	(void)arg;
	http_reply_json(r, 200, rest_document, strlen(rest_document));
}
