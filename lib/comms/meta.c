#include <stddef.h>

#include "base/jput.h"
#include "base/util.h"
#include "comms/trust.h"

/* What a peer tells of itself: {"description"?,"labels"?}. */

static int
labels_check(struct jtext labels, struct err *e)
{
	/* In the order of the sheet (rest, section 4.1). */
	static const char *const reserved[] = { "mob_id", "role",
		"meerkat_id" };
	struct jiter it = json_iter(labels);

	for (size_t i = 0; i < COUNT(reserved); i++)
		if (json_get(labels, reserved[i]).p)
			return err_set(e, E_INVALID_PARAMS, "peer_meta label "
			    "'%s' is reserved for mob-managed sessions",
			    reserved[i]);
	while (json_next(&it))
		if (!json_is(it.value, '"'))
			return err_set(e, E_INVALID_PARAMS, "Invalid params: "
			    "/peer_meta/labels: want an object of strings");
	return 0;
}

int
peer_meta_check(struct jtext meta, struct err *e)
{
	struct jtext description = json_get(meta, "description");
	struct jtext labels = json_get(meta, "labels");

	if (!meta.p)
		return 0;
	if (!json_is(meta, '{'))
		return err_set(e, E_INVALID_PARAMS,
		    "Invalid params: /peer_meta: want an object");
	if (description.p && !json_is(description, '"') &&
	    !json_is(description, 'n'))
		return err_set(e, E_INVALID_PARAMS,
		    "Invalid params: /peer_meta/description: want a string");
	if (labels.p && !json_is(labels, '{') && !json_is(labels, 'n'))
		return err_set(e, E_INVALID_PARAMS, "Invalid params: "
		    "/peer_meta/labels: want an object of strings");
	return labels_check(labels, e);
}

char *
peer_meta_make(const char *description, const struct buf *labels)
{
	struct buf b = BUF_INIT;

	jput_open(&b, '{');
	if (description)
		jput_kcstr(&b, "description", description);
	if (labels->n)
		jput_kraw(&b, "labels", labels->p, labels->n);
	jput_close(&b, '}');
	return buf_steal(&b);
}
