/*
 * The indexed JSON text behind the schema validator.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/schema_tree.h"
#include "base/util.h"

#define NO_PARENT UINT32_MAX
#define NODES_MAX (UINT32_C(1) << 24)

/* ---- building ---- */

struct build {
	struct tree *t;
	const char *p, *end;
	char *decoded;		/* where the next string with escapes goes */
	size_t cap;
	uint32_t open;		/* innermost open container; its `end` is the one around it */
	const char *key;	/* of the member whose value comes next */
	size_t key_n;
};

static uint32_t
add_node(struct build *b, char kind)
{
	struct tree *t = b->t;
	struct node *v;

	if (t->n + 2 > b->cap) {
		b->cap = b->cap ? b->cap * 2 : 64;
		t->nodes = xrealloc(t->nodes, b->cap * sizeof *t->nodes);
	}
	v = &t->nodes[t->n];
	*v = (struct node){ .kind = kind, .p = b->p, .end = t->n + 1,
	    .key = b->key, .key_n = b->key_n };
	b->key = NULL;
	b->key_n = 0;
	if (b->open != NO_PARENT)
		t->nodes[b->open].count++;
	return t->n++;
}

/* The string token at b->p, decoded; moves behind it. */
static void
take_string(struct build *b, const char **s, size_t *n)
{
	const char *start = b->p++;
	bool escapes = false;
	char *plain;

	while (*b->p != '"') {
		if (*b->p == '\\') {
			escapes = true;
			b->p++;
		}
		b->p++;
	}
	b->p++;
	*s = start + 1;
	*n = (size_t)(b->p - start) - 2;
	if (!escapes)
		return;
	plain = json_str(json_slice(start, (size_t)(b->p - start)), n);
	if (!b->decoded)	/* decoding never makes a string longer */
		b->decoded = b->t->decoded =
		    xmalloc((size_t)(b->end - start));
	memcpy(b->decoded, plain, *n);
	*s = b->decoded;
	b->decoded += *n;
	free(plain);
}

static int
member_cmp(const void *x, const void *y)
{
	const struct node *a = *(struct node *const *)x;
	const struct node *b = *(struct node *const *)y;
	int c;

	if (a->key_n != b->key_n)
		return a->key_n < b->key_n ? -1 : 1;
	c = a->key_n ? memcmp(a->key, b->key, a->key_n) : 0;
	return c ? c : a < b ? -1 : 1;
}

/* Of members with one name only the last counts (as json_get has it). */
static void
shadow(struct tree *t, uint32_t i)
{
	uint32_t n = 0, count = t->nodes[i].count;
	struct node **m;

	if (count < 2)
		return;
	m = xmalloc(count * sizeof *m);
	for (uint32_t c = i + 1; c < t->nodes[i].end; c = t->nodes[c].end)
		m[n++] = &t->nodes[c];
	qsort(m, n, sizeof *m, member_cmp);
	for (uint32_t k = 0; k + 1 < n; k++)
		if (m[k]->key_n == m[k + 1]->key_n &&
		    !memcmp(m[k]->key, m[k + 1]->key, m[k]->key_n)) {
			m[k]->shadowed = true;
			t->nodes[i].count--;
		}
	free(m);
}

static void
close_node(struct build *b)
{
	struct node *v = &b->t->nodes[b->open];
	uint32_t i = b->open;

	b->p++;
	b->open = v->end;
	v->end = b->t->n;
	v->n = (size_t)(b->p - v->p);
	if (v->kind == '{')
		shadow(b->t, i);
}

static void
add_string(struct build *b)
{
	struct tree *t = b->t;
	const char *s;
	size_t n;
	uint32_t i;

	if (b->open != NO_PARENT && t->nodes[b->open].kind == '{' && !b->key) {
		take_string(b, &b->key, &b->key_n);
		return;
	}
	i = add_node(b, '"');
	take_string(b, &s, &n);
	t->nodes[i].p = s;
	t->nodes[i].n = n;
}

static void
add_word(struct build *b, char kind)
{
	uint32_t i = add_node(b, kind);

	while (b->p < b->end && !strchr(",]} \t\r\n", *b->p))
		b->p++;
	b->t->nodes[i].n = (size_t)(b->p - b->t->nodes[i].p);
}

static void
take_token(struct build *b)
{
	uint32_t i;

	switch (*b->p) {
	case ' ': case '\t': case '\r': case '\n': case ',': case ':':
		b->p++;
		break;
	case '{': case '[':
		i = add_node(b, *b->p);
		b->t->nodes[i].end = b->open;
		b->open = i;
		b->p++;
		break;
	case '}': case ']':
		close_node(b);
		break;
	case '"':
		add_string(b);
		break;
	case 't': case 'f':
		add_word(b, 't');
		break;
	case 'n':
		add_word(b, 'n');
		break;
	default:
		add_word(b, '0');
	}
}

int
tree_init(struct tree *t, struct jtext text, struct err *e)
{
	struct build b = { .t = t, .open = NO_PARENT };
	struct jtext v;

	*t = (struct tree){ .n = 0 };
	if (json_parse(text.p, text.n, &v, e) < 0)
		return -1;
	b.p = v.p;
	b.end = v.p + v.n;
	while (b.p < b.end) {
		take_token(&b);
		if (t->n > NODES_MAX) {
			tree_free(t);
			return err_set(e, E_INVALID_PARAMS,
			    "more than %u values", (unsigned)NODES_MAX);
		}
	}
	return 0;
}

void
tree_free(struct tree *t)
{
	free(t->nodes);
	free(t->decoded);
	*t = (struct tree){ .n = 0 };
}

/* ---- walking ---- */

static uint32_t
visible(const struct tree *t, uint32_t parent, uint32_t c)
{
	while (c < t->nodes[parent].end && t->nodes[c].shadowed)
		c = t->nodes[c].end;
	return c < t->nodes[parent].end ? c : 0;
}

uint32_t
tree_first(const struct tree *t, uint32_t i)
{
	return visible(t, i, i + 1);
}

uint32_t
tree_next(const struct tree *t, uint32_t parent, uint32_t child)
{
	return visible(t, parent, t->nodes[child].end);
}

uint32_t
tree_get(const struct tree *t, uint32_t i, const char *key, size_t n)
{
	if (t->nodes[i].kind != '{')
		return 0;
	EACH_CHILD(t, i, c)
		if (t->nodes[c].key_n == n &&
		    !memcmp(t->nodes[c].key, key, n))
			return c;
	return 0;
}

uint32_t
tree_step(const struct tree *t, uint32_t i, const char *token, size_t n)
{
	uint64_t want = 0;

	if (t->nodes[i].kind == '{')
		return tree_get(t, i, token, n);
	if (t->nodes[i].kind != '[' || !n || n > 9 || (n > 1 && *token == '0'))
		return 0;
	for (size_t k = 0; k < n; k++) {
		if (token[k] < '0' || token[k] > '9')
			return 0;
		want = want * 10 + (uint64_t)(token[k] - '0');
	}
	EACH_CHILD(t, i, c)
		if (want-- == 0)
			return c;
	return 0;
}

#define PATH_MAX_SHOWN 160

void
tree_path(const struct tree *t, uint32_t i, struct buf *b)
{
	struct buf path = BUF_INIT;
	uint32_t at = 0;

	while (at != i) {
		const struct node *v;
		size_t index = 0;
		uint32_t c = at + 1;

		for (; t->nodes[c].end <= i; c = t->nodes[c].end)
			index++;
		v = &t->nodes[c];
		buf_putc(&path, '/');
		if (!v->key)
			buf_printf(&path, "%zu", index);
		for (size_t k = 0; k < v->key_n; k++)
			if (v->key[k] == '~' || v->key[k] == '/')
				buf_puts(&path, v->key[k] == '~' ? "~0" : "~1");
			else
				buf_putc(&path, v->key[k]);
		at = c;
	}
	if (path.n > PATH_MAX_SHOWN) {
		size_t head = utf8_cut(path.p, path.n, PATH_MAX_SHOWN / 2);
		size_t tail = utf8_cut(path.p, path.n,
		    path.n - PATH_MAX_SHOWN / 2);

		buf_printf(b, "%.*s...%s", (int)head, path.p, path.p + tail);
	} else {
		buf_puts(b, i ? buf_str(&path) : "(root)");
	}
	buf_free(&path);
}

/* ---- equality ---- */

static uint64_t
mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

static uint64_t
hash_bytes(uint64_t h, const char *p, size_t n)
{
	for (size_t k = 0; k < n; k++)
		h = (h ^ (unsigned char)p[k]) * UINT64_C(0x100000001b3);
	return mix(h);
}

uint64_t
tree_hash_string(const char *p, size_t n)
{
	return hash_bytes('"', p, n);
}

static uint64_t
hash_number(const struct node *v)
{
	struct decimal d = decimal_parse(v->p, v->n);
	uint64_t h = d.neg ? '-' : '0';

	for (size_t k = 0; k < d.n; d.p++)
		if (*d.p != '.') {
			h = (h ^ (unsigned char)*d.p) *
			    UINT64_C(0x100000001b3);
			k++;
		}
	return mix(h ^ (uint64_t)d.exp << 8);
}

/* The children are hashed already. */
static uint64_t
hash_node(const struct tree *t, uint32_t i)
{
	const struct node *v = &t->nodes[i];
	uint64_t h = (unsigned char)v->kind;

	switch (v->kind) {
	case '"':
		return tree_hash_string(v->p, v->n);
	case '0':
		return hash_number(v);
	case '[':
		EACH_CHILD(t, i, c)
			h = mix(h * 31 + t->nodes[c].hash);
		return mix(h);
	case '{':	/* in any order */
		EACH_CHILD(t, i, c)
			h += mix(t->nodes[c].hash ^
			    hash_bytes(':', t->nodes[c].key, t->nodes[c].key_n));
		return mix(h);
	default:
		return hash_bytes(h, v->p, v->n);
	}
}

void
tree_hash(struct tree *t)
{
	if (t->hashed)
		return;
	for (uint32_t i = t->n; i-- > 0; )
		t->nodes[i].hash = hash_node(t, i);
	t->hashed = true;
}

static bool
same_scalar(const struct node *a, const struct node *b)
{
	struct decimal x, y;

	if (a->kind != '0')
		return a->n == b->n && (!a->n || !memcmp(a->p, b->p, a->n));
	x = decimal_parse(a->p, a->n);
	y = decimal_parse(b->p, b->n);
	return decimal_cmp(&x, &y) == 0;
}

struct pair {
	uint32_t i, j;
};

struct pairs {
	struct pair *v;
	size_t n, cap;
};

static void
push_pair(struct pairs *s, uint32_t i, uint32_t j)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 32;
		s->v = xrealloc(s->v, s->cap * sizeof *s->v);
	}
	s->v[s->n++] = (struct pair){ i, j };
}

/* Put the children that must be equal on the stack; false if they cannot be. */
static bool
push_children(struct pairs *s, const struct tree *a, uint32_t i,
    const struct tree *b, uint32_t j, int64_t *steps)
{
	uint32_t d;

	if (a->nodes[i].count != b->nodes[j].count)
		return false;
	if (a->nodes[i].kind == '[') {
		d = tree_first(b, j);
		EACH_CHILD(a, i, c) {
			push_pair(s, c, d);
			d = tree_next(b, j, d);
		}
		return true;
	}
	EACH_CHILD(a, i, c) {
		d = tree_get(b, j, a->nodes[c].key, a->nodes[c].key_n);
		*steps -= b->nodes[j].count / 8 + 1;
		if (!d || *steps < 0)
			return false;
		push_pair(s, c, d);
	}
	return true;
}

bool
tree_equal(const struct tree *a, uint32_t i, const struct tree *b,
    uint32_t j, int64_t *steps)
{
	struct pairs s = { .v = NULL };
	bool same = true;

	push_pair(&s, i, j);
	while (s.n && same) {
		struct pair at = s.v[--s.n];
		const struct node *x = &a->nodes[at.i], *y = &b->nodes[at.j];

		if (--*steps < 0 || x->kind != y->kind || x->hash != y->hash)
			same = false;
		else if (x->kind == '{' || x->kind == '[')
			same = push_children(&s, a, at.i, b, at.j, steps);
		else
			same = same_scalar(x, y);
	}
	free(s.v);
	return same;
}
