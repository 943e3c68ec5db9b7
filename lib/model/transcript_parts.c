#include <stdlib.h>
#include <string.h>

#include "model/transcript_impl.h"

/* ---- parts ---- */

void
transcript_part_free(struct part *p)
{
	for (size_t i = 0; i < p->n_parts; i++)
		transcript_part_free(&p->parts[i]);
	free(p->parts);
	free(p->text);
	free(p->media);
	free(p->id);
	free(p->name);
	free(p->args);
}

struct part *
transcript_part(struct part **parts, size_t *n, enum part_kind kind)
{
	*parts = xrealloc(*parts, (*n + 1) * sizeof **parts);
	(*parts)[*n] = (struct part){ .kind = kind };
	return &(*parts)[(*n)++];
}

void
transcript_drop(struct turn *t, size_t i)
{
	transcript_part_free(&t->parts[i]);
	memmove(t->parts + i, t->parts + i + 1,
	    (t->n_parts - i - 1) * sizeof *t->parts);
	t->n_parts--;
}

bool
part_meta_is(const struct part *p, const char *provider)
{
	return json_str_is(json_get(p->meta, "provider"), provider);
}

bool
parts_have(const struct part *parts, size_t n, enum part_kind kind)
{
	for (size_t i = 0; i < n; i++)
		if (parts[i].kind == kind)
			return true;
	return false;
}

char *
parts_text(const struct part *parts, size_t n, size_t *len)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		const struct part *p = &parts[i];

		if (p->kind == PART_TEXT && !p->n)
			continue;
		if (b.n)
			buf_putc(&b, '\n');
		if (p->kind == PART_TEXT)
			buf_put(&b, p->text, p->n);
		else
			buf_printf(&b, "[%s: %s]",
			    p->kind == PART_IMAGE ? "image" : "video", p->media);
	}
	*len = b.n;
	return buf_steal(&b);
}

/* Anthropic refuses text of nothing but white space, all refuse or ignore "". */
bool
transcript_sayable(const struct reader *r, const char *s, size_t n)
{
	return r->wire == WIRE_ANTHROPIC ? !text_blank(s, n) : n > 0;
}

/* ---- content ---- */

void
transcript_text(struct reader *r, struct part **parts, size_t *n, char *text,
    size_t len)
{
	struct part *p;

	if (!text || !transcript_sayable(r, text, len)) {
		free(text);
		return;
	}
	p = transcript_part(parts, n, PART_TEXT);
	p->text = text;
	p->n = len;
}

static void
add_projection(struct part **parts, size_t *n, const char *what,
    const char *media)
{
	struct part *p = transcript_part(parts, n, PART_TEXT);

	p->text = xasprintf("[%s: %s]", what, media ? media : "unknown");
	p->n = strlen(p->text);
}

/* Anthropic takes four types only (sheet 2.1). */
static bool
takes_image(const struct reader *r, const char *media)
{
	static const char *const types[] = { "image/jpeg", "image/png",
		"image/gif", "image/webp" };

	if (r->wire != WIRE_ANTHROPIC)
		return true;
	for (size_t i = 0; media && i < COUNT(types); i++)
		if (!strcmp(media, types[i]))
			return true;
	return false;
}

static void
add_blob(struct reader *r, struct part **parts, size_t *n, struct jtext block,
    const char *media)
{
	char *id = json_get_str(block, "blob_id"), type[64] = "";
	struct buf data = BUF_INIT;
	struct part *p;

	if (!r->rq->blob || !id) {
		add_projection(parts, n, "image", media);
	} else if (r->rq->blob(r->rq->blob_arg, id, &data, type) < 0) {
		p = transcript_part(parts, n, PART_TEXT);
		p->text = xasprintf("[image unavailable: %s]", id);
		p->n = strlen(p->text);
	} else if (!takes_image(r, type)) {
		add_projection(parts, n, "image", type);
	} else {
		p = transcript_part(parts, n, PART_IMAGE);
		p->media = xstrdup(type);
		p->n = data.n;
		p->text = buf_steal(&data);
	}
	buf_free(&data);
	free(id);
}

static void
add_media(struct reader *r, struct part **parts, size_t *n,
    enum part_kind kind, struct jtext block)
{
	char *media = json_get_str(block, "media_type");
	bool video = kind == PART_VIDEO;
	struct part *p;

	if (!video && json_str_is(json_get(block, "source"), "blob")) {
		add_blob(r, parts, n, block, media);
		free(media);
	} else if (!media || !json_is(json_get(block, "data"), '"') ||
	    (video ? r->wire != WIRE_GEMINI : !takes_image(r, media))) {
		add_projection(parts, n, video ? "video" : "image", media);
		free(media);
	} else {
		p = transcript_part(parts, n, kind);
		p->media = media;
		p->text = json_str(json_get(block, "data"), &p->n);
	}
}

void
transcript_content(struct reader *r, struct part **parts, size_t *n,
    struct jtext content)
{
	struct jiter it;
	size_t len;
	char *s;

	if (json_is(content, '"')) {
		s = json_str(content, &len);
		transcript_text(r, parts, n, s, len);
		return;
	}
	if (!json_is(content, '['))
		return;
	for (it = json_iter(content); json_next(&it); ) {
		struct jtext type = json_get(it.value, "type");

		if (json_str_is(type, "text")) {
			s = json_str(json_get(it.value, "text"), &len);
			transcript_text(r, parts, n, s, len);
		} else if (json_str_is(type, "image")) {
			add_media(r, parts, n, PART_IMAGE, it.value);
		} else if (json_str_is(type, "video")) {
			add_media(r, parts, n, PART_VIDEO, it.value);
		}
	}
}
