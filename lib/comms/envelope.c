#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/jput.h"
#include "comms/cbor.h"
#include "comms/envelope.h"

/* What a kind is made of: comms sheet section 6, members in their order on the wire. */
enum member_type { TEXT, ID, ANY, BLOCKS, MAP };
struct member {
	const char *name;
	enum member_type type;
	bool required;
	const char *const *values;	/* of a text; NULL: any */
};

static const char *const modes[] = { "queue", "steer", NULL };
static const char *const statuses[] = { "accepted", "completed", "failed",
	NULL };
static const char *const taints[] = { "clean", "tainted", NULL };
static const char *const lifecycles[] = { "mob.peer_added",
	"mob.peer_retired", "mob.peer_unwired", "mob.dismiss", NULL };

static const struct member message[] = {
	{ "body", TEXT, true, NULL }, { "blocks", BLOCKS, false, NULL },
	{ "content_taint", TEXT, false, taints },
	{ "expected_recipient", MAP, false, NULL },
	{ "handling_mode", TEXT, false, modes },
	{ "objective_id", ID, false, NULL }, { NULL, TEXT, false, NULL },
};
static const struct member request[] = {
	{ "intent", TEXT, true, NULL }, { "params", ANY, true, NULL },
	{ "blocks", BLOCKS, false, NULL },
	{ "reply_endpoint", MAP, false, NULL },
	{ "content_taint", TEXT, false, taints },
	{ "handling_mode", TEXT, false, modes },
	{ "objective_id", ID, false, NULL }, { NULL, TEXT, false, NULL },
};
static const struct member response[] = {
	{ "in_reply_to", ID, true, NULL }, { "status", TEXT, true, statuses },
	{ "result", ANY, true, NULL }, { "blocks", BLOCKS, false, NULL },
	{ "content_taint", TEXT, false, taints },
	{ "handling_mode", TEXT, false, modes },
	{ "objective_id", ID, false, NULL }, { NULL, TEXT, false, NULL },
};
static const struct member ack[] = {
	{ "in_reply_to", ID, true, NULL }, { NULL, TEXT, false, NULL },
};
static const struct member lifecycle[] = {
	{ "kind", TEXT, true, lifecycles }, { "params", MAP, true, NULL },
	{ NULL, TEXT, false, NULL },
};

static const struct kind {
	const char *name;
	const struct member *members;
} kinds[] = {
	[ENVELOPE_MESSAGE] = { "message", message },
	[ENVELOPE_REQUEST] = { "request", request },
	[ENVELOPE_RESPONSE] = { "response", response },
	[ENVELOPE_ACK] = { "ack", ack },
	[ENVELOPE_LIFECYCLE] = { "lifecycle", lifecycle },
	[ENVELOPE_FENCED] = { "incarnation_fenced_message", message },
};

/* In a content block and in what it is wrapped in. */
static const char *const block_keys[] = { "type", "text", "media_type",
	"duration_ms", "source", "data", "blob_id", NULL };

const char *
envelope_kind_name(enum envelope_kind k)
{
	return kinds[k].name;
}

void
envelope_free(struct envelope *v)
{
	free(v->json);
	v->json = NULL;
}

/* ---- the kind's map, from JSON ---- */

static const struct kind *
kind_of(struct jtext json)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (json_str_is(json_get(json, "type"), kinds[i].name))
			return &kinds[i];
	return NULL;
}

static bool
one_of(struct jtext v, const char *const *values)
{
	for (; *values; values++)
		if (json_str_is(v, *values))
			return true;
	return false;
}

static bool
fits(const struct member *m, struct jtext v)
{
	char *s;
	bool ok;

	switch (m->type) {
	case TEXT:
		return json_is(v, '"') && (!m->values || one_of(v, m->values));
	case ID:
		s = json_str(v, NULL);
		ok = s && uuid_valid(s);
		free(s);
		return ok;
	case BLOCKS: return json_is(v, '[') && json_count(v) > 0;
	case MAP: return json_is(v, '{');
	default: return true;
	}
}

static int
put_member(struct buf *b, const struct member *m, struct jtext v,
    struct err *e)
{
	unsigned char id[16];
	char *s;

	if (!fits(m, v))
		return err_set(e, E_INVALID_PARAMS, "/%s: not what an envelope "
		    "takes there", m->name);
	cbor_put_text(b, m->name, strlen(m->name));
	if (m->type != ID)
		return cbor_put_json(b, v, m->type == BLOCKS ? block_keys :
		    NULL, e);
	s = json_str(v, NULL);
	uuid_bytes(s, id);
	free(s);
	cbor_put_bytes(b, id, sizeof id);
	return 0;
}

/* As the reference writes it: type, then the members in their order. */
static int
put_kind(struct buf *b, struct jtext json, struct err *e)
{
	const struct kind *k = kind_of(json);
	struct buf members = BUF_INIT;
	uint64_t n = 1;
	int rc = 0;

	if (!k)
		return err_set(e, E_INVALID_PARAMS, "/type: no such kind");
	for (const struct member *m = k->members; m->name && rc == 0; m++) {
		struct jtext v = json_get(json, m->name);

		if (v.p) {
			n++;
			rc = put_member(&members, m, v, e);
		} else if (m->required) {
			rc = err_set(e, E_INVALID_PARAMS, "/%s: missing",
			    m->name);
		}
	}
	if (rc == 0 && n != json_count(json))
		rc = err_set(e, E_INVALID_PARAMS,
		    "a member that a %s does not have", k->name);
	cbor_put_map(b, n);
	cbor_put_text(b, "type", 4);
	cbor_put_text(b, k->name, strlen(k->name));
	buf_put(b, buf_str(&members), members.n);
	buf_free(&members);
	return rc;
}

/* ---- signing ---- */

struct ids {
	unsigned char id[16], from[KEY_LEN], to[KEY_LEN];
};

/* What comes before the kind's map. */
static void
put_ids(struct buf *b, const struct ids *ids)
{
	cbor_put_array(b, 4);
	cbor_put_bytes(b, ids->id, sizeof ids->id);
	cbor_put_bytes(b, ids->from, KEY_LEN);
	cbor_put_bytes(b, ids->to, KEY_LEN);
}

/* kind: its map, as put_kind made it. */
static void
put_signable_of(struct buf *b, const struct envelope *v,
    const struct buf *kind)
{
	struct ids ids;

	uuid_bytes(v->id, ids.id);
	memcpy(ids.from, v->from, KEY_LEN);
	memcpy(ids.to, v->to, KEY_LEN);
	put_ids(b, &ids);
	cbor_canonical((struct cbor){ (const unsigned char *)kind->p,
	    kind->n }, b);
}

int
envelope_signable(const struct envelope *v, struct buf *out, struct err *e)
{
	struct buf kind = BUF_INIT;
	int rc = put_kind(&kind, json_text(v->json), e);

	if (rc == 0)
		put_signable_of(out, v, &kind);
	buf_free(&kind);
	return rc;
}

static void
put_key_bytes(struct buf *b, const char *key, const void *p, size_t n)
{
	cbor_put_text(b, key, strlen(key));
	cbor_put_bytes(b, p, n);
}

static void
put_length(struct buf *frame, size_t at, size_t n)
{
	for (size_t i = 0; i < 4; i++)
		frame->p[at + i] = (char)(n >> (24 - 8 * i));
}

/* kind: its map, as put_kind made it. */
static int
seal(struct envelope *v, const struct buf *kind, const struct identity *k,
    struct buf *frame, struct err *e)
{
	struct buf signable = BUF_INIT;
	unsigned char sig[SIG_LEN], id[16];
	size_t start = frame->n;

	memcpy(v->from, identity_key(k), KEY_LEN);
	put_signable_of(&signable, v, kind);
	identity_sign(k, signable.p, signable.n, sig);
	uuid_bytes(v->id, id);
	buf_put(frame, "\0\0\0\0", 4);
	cbor_put_map(frame, 5);
	put_key_bytes(frame, "id", id, sizeof id);
	put_key_bytes(frame, "from", v->from, KEY_LEN);
	put_key_bytes(frame, "to", v->to, KEY_LEN);
	cbor_put_text(frame, "kind", 4);
	buf_put(frame, kind->p, kind->n);
	put_key_bytes(frame, "sig", sig, sizeof sig);
	buf_free(&signable);
	if (frame->n - start - 4 > FRAME_MAX) {
		err_set(e, E_INVALID_PARAMS, "message too large: %zu bytes "
		    "(max %d)", frame->n - start - 4, FRAME_MAX);
		buf_trunc(frame, start);
		return -1;
	}
	put_length(frame, start, frame->n - start - 4);
	return 0;
}

int
envelope_seal(struct envelope *v, const struct identity *k,
    struct buf *frame, struct err *e)
{
	struct buf kind = BUF_INIT;
	int rc = put_kind(&kind, json_text(v->json), e);

	if (rc == 0)
		rc = seal(v, &kind, k, frame, e);
	buf_free(&kind);
	return rc;
}

/* ---- opening ---- */

static int
bad(struct err *e, const char *what)
{
	return err_set(e, E_INVALID_PARAMS, "decode: %s", what);
}

/* A byte string of that many bytes, the value of `key`. */
static int
take_bytes(struct cbor v, const char *key, unsigned char *out, size_t n,
    struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	if (!v.p || cbor_kind(v) != CBOR_BYTES)
		return err_set(e, E_INVALID_PARAMS,
		    "decode: `%s` is not a byte string", key);
	cbor_string(v, &b);
	if (b.n == n)
		memcpy(out, b.p, n);
	else
		rc = err_set(e, E_INVALID_PARAMS,
		    "decode: `%s` is not %zu bytes", key, n);
	buf_free(&b);
	return rc;
}

static const struct kind *
kind_named(struct cbor map)
{
	struct cbor v = cbor_get(map, "type");
	struct buf name = BUF_INIT;
	const struct kind *k = NULL;

	if (!v.p || cbor_kind(v) != CBOR_TEXT)
		return NULL;
	cbor_string(v, &name);
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (!strcmp(buf_str(&name), kinds[i].name))
			k = &kinds[i];
	buf_free(&name);
	return k;
}

/* 16 bytes as the text of a UUID. */
static int
put_id_json(struct buf *out, struct cbor v, struct err *e)
{
	char text[UUID_LEN + 1];
	struct buf b = BUF_INIT;
	int rc = 0;

	if (cbor_kind(v) != CBOR_BYTES)
		return bad(e, "an id that is not a byte string");
	cbor_string(v, &b);
	if (b.n == 16) {
		uuid_text((const unsigned char *)b.p, text);
		jput_cstr(out, text);
	} else {
		rc = bad(e, "an id that is not 16 bytes");
	}
	buf_free(&b);
	return rc;
}

static int
put_member_json(struct buf *out, const struct member *m, struct cbor v,
    struct err *e)
{
	size_t at;

	if (cbor_kind(v) == CBOR_NULL && !m->required)
		return 0;	/* the same as absent */
	jput_key(out, m->name);
	at = out->n;
	if ((m->type == ID ? put_id_json(out, v, e) :
	    cbor_to_json(v, out, e)) < 0)
		return -1;
	if (!fits(m, json_slice(out->p + at, out->n - at)))
		return err_set(e, E_INVALID_PARAMS,
		    "decode: `%s` is not what belongs there", m->name);
	return 0;
}

/* The members that we know; what else is signed is carried by nobody. */
static int
kind_json(const struct kind *k, struct cbor map, char **json, struct err *e)
{
	struct buf out = BUF_INIT;

	jput_open(&out, '{');
	jput_kcstr(&out, "type", k->name);
	for (const struct member *m = k->members; m->name; m++) {
		struct cbor v = cbor_get(map, m->name);

		if ((!v.p && m->required) ||
		    (v.p && put_member_json(&out, m, v, e) < 0)) {
			buf_free(&out);
			return v.p ? -1 : err_set(e, E_INVALID_PARAMS,
			    "decode: `%s` is missing", m->name);
		}
	}
	jput_close(&out, '}');
	*json = buf_steal(&out);
	return 0;
}

static bool
known(void *arg, const char *key, size_t n)
{
	const struct kind *k = arg;
	const struct member *m = k->members;

	while (m->name && (strlen(m->name) != n || memcmp(m->name, key, n)))
		m++;
	return m->name || (n == 4 && !memcmp(key, "type", n));
}

/*
 * Over everything that came, or else over what the reference would know of it, if that
 * is less: one check is all that most forgeries are worth.
 */
static bool
signed_by(const struct ids *ids, const struct cbor_index *x,
    const struct kind *k, const unsigned char sig[SIG_LEN])
{
	struct buf b = BUF_INIT;
	bool good;

	put_ids(&b, ids);
	cbor_index_put(x, "kind", NULL, NULL, &b);
	good = key_verify(ids->from, b.p, b.n, sig);
	if (!good) {
		buf_trunc(&b, 0);
		put_ids(&b, ids);
		good = cbor_index_put(x, "kind", known,
		    (void *)(uintptr_t)k, &b) &&
		    key_verify(ids->from, b.p, b.n, sig);
	}
	buf_free(&b);
	return good;
}

static int
open_indexed(const struct cbor_index *x, struct envelope *v, struct err *e)
{
	struct cbor map = cbor_index_get(x, "kind");
	unsigned char sig[SIG_LEN];
	const struct kind *k;
	struct ids ids;

	if (take_bytes(cbor_index_get(x, "id"), "id", ids.id, 16, e) < 0 ||
	    take_bytes(cbor_index_get(x, "from"), "from", ids.from, KEY_LEN,
	    e) < 0 ||
	    take_bytes(cbor_index_get(x, "to"), "to", ids.to, KEY_LEN, e) < 0 ||
	    take_bytes(cbor_index_get(x, "sig"), "sig", sig, SIG_LEN, e) < 0)
		return -1;
	if (!map.p || cbor_kind(map) != CBOR_MAP)
		return bad(e, "`kind` is not a map");
	if (!(k = kind_named(map)))
		return bad(e, "a kind that nobody knows");
	if (!signed_by(&ids, x, k, sig))
		return err_set(e, E_INVALID_PARAMS,
		    "signature: it is not the sender's");
	v->kind = (enum envelope_kind)(k - kinds);
	uuid_text(ids.id, v->id);
	memcpy(v->from, ids.from, KEY_LEN);
	memcpy(v->to, ids.to, KEY_LEN);
	return kind_json(k, map, &v->json, e);
}

int
envelope_open(const void *p, size_t n, struct envelope *v, struct err *e)
{
	struct cbor c = { p, n };
	struct cbor_index *x = cbor_index(c, e);
	int rc = -1;

	memset(v, 0, sizeof *v);
	if (x && cbor_kind(c) != CBOR_MAP)
		bad(e, "an envelope is a map");
	else if (x)
		rc = open_indexed(x, v, e);
	cbor_index_free(x);
	return rc;
}

int
envelope_from(const void *p, size_t n, unsigned char from[KEY_LEN],
    struct err *e)
{
	struct cbor c = { p, n };

	if (cbor_kind(c) != CBOR_MAP)
		return bad(e, "an envelope is a map");
	return take_bytes(cbor_get(c, "from"), "from", from, KEY_LEN, e);
}

/* ---- acknowledgements ---- */

int
envelope_ack(const struct envelope *v, const struct identity *k,
    struct buf *frame, struct err *e)
{
	struct envelope a = { .kind = ENVELOPE_ACK };
	struct buf kind = BUF_INIT;
	unsigned char id[16];
	int rc;

	uuid_v4(a.id);
	memcpy(a.to, v->from, KEY_LEN);
	uuid_bytes(v->id, id);
	cbor_put_map(&kind, 2);
	cbor_put_text(&kind, "type", 4);
	cbor_put_text(&kind, "ack", 3);
	put_key_bytes(&kind, "in_reply_to", id, sizeof id);
	rc = seal(&a, &kind, k, frame, e);
	buf_free(&kind);
	return rc;
}

bool
envelope_acks(const struct envelope *a, const struct envelope *v)
{
	return a->kind == ENVELOPE_ACK &&
	    !memcmp(a->from, v->to, KEY_LEN) &&
	    !memcmp(a->to, v->from, KEY_LEN) &&
	    json_str_is(json_get(json_text(a->json), "in_reply_to"), v->id);
}
