#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/util.h"
#include "model/catalog.h"
#include "store/config.h"
#include "test.h"

/*
 * Resolution is tested on configuration texts: only what a test is about is in them.
 */
static void
clean(void)
{
	static const char *const names[] = { "RKAT_ANTHROPIC_API_KEY",
	    "ANTHROPIC_API_KEY", "RKAT_OPENAI_API_KEY", "OPENAI_API_KEY",
	    "RKAT_GEMINI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY",
	    "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "GEMINI_BASE_URL",
	    "GOOGLE_GEMINI_BASE_URL", "RKAT_TEST_CLIENT" };

	for (size_t i = 0; i < COUNT(names); i++)
		unsetenv(names[i]);
}

static struct model_target T;

/* "" or the error. */
static const char *
resolve(const char *config, const char *model, const char *provider)
{
	static struct err e;
	struct config c = { .v = json_text(config) };

	model_target_free(&T);
	e = (struct err)ERR_NONE;
	return model_resolve(&c, NULL, model, provider, &T, &e) < 0 ?
	    e.text : "";
}

#define RESOLVES(config, model, provider) \
	STR_IS(resolve(config, model, provider), "")

static char *
temp_root(const char *models)
{
	char dir[] = "/tmp/rkat-catalog.XXXXXX";
	char *root = xstrdup(mkdtemp(dir)), *sub = fs_join(root, ".rkat");
	char *path = fs_join(sub, "models.json");

	fs_mkdirs(sub, 0700, NULL);
	OK(fs_write_atomic(path, models, strlen(models), 0600, NULL) == 0);
	free(path);
	free(sub);
	return root;
}

TEST(the_sheet_s_nine_are_exact)
{
	static const struct {
		const char *id;
		enum provider p;
		int64_t context, out;
		const char *family, *flags;
		int secs;
	} want[] = {
		{ "claude-opus-4-6", 0, 200000, 32768, "claude-opus-4", "yynynyy", 300 },
		{ "claude-sonnet-4-6", 0, 200000, 16384, "claude-sonnet-4", "yynynyy", 120 },
		{ "claude-sonnet-4-5", 0, 200000, 16384, "claude-sonnet-4", "yynynyy", 120 },
		{ "claude-opus-4-5", 0, 200000, 32768, "claude-opus-4", "yynynyy", 300 },
		{ "gpt-5.4", 1, 128000, 16384, "gpt-5", "nyyynyn", 600 },
		{ "gpt-5.3-codex", 1, 128000, 16384, "codex", "nyyynyn", 600 },
		{ "gemini-3-flash-preview", 2, 1000000, 8192, "gemini-3", "yynyyyy", 120 },
		{ "gemini-3.1-pro-preview", 2, 1000000, 8192, "gemini-3", "yynyyyy", 600 },
		{ "gemini-3.1-flash-lite-preview", 2, 1000000, 8192, "gemini-3", "yynyyyy", 120 },
	};

	clean();
	setenv("RKAT_TEST_CLIENT", "1", 1);
	for (size_t i = 0; i < COUNT(want); i++) {
		const struct model_profile *f = &T.profile;
		char flags[8];

		RESOLVES("{}", want[i].id, NULL);
		STR_IS(T.key, "test-key");
		snprintf(flags, sizeof flags, "%c%c%c%c%c%c%c",
		    "ny"[f->temperature], "ny"[f->thinking],
		    "ny"[f->reasoning], "ny"[f->web_search],
		    "ny"[f->inline_video], "ny"[f->vision],
		    "ny"[f->image_results]);
		STR_IS(flags, want[i].flags);
		STR_IS(f->family, want[i].family);
		OK(f->known && T.provider == want[i].p);
		OK(f->context_window == want[i].context);
		OK(f->max_output == want[i].out);
		OK(f->call_timeout_ms == want[i].secs * 1000);
	}
}

TEST(names_outside_the_catalogue_follow_rules)
{
	static const struct {
		const char *id;
		enum provider p;
		const char *family;
		bool temperature, reasoning;
		int secs;
	} want[] = {
		{ "claude-opus-4-99", PROVIDER_ANTHROPIC, "claude-opus-4", true, false, 300 },
		{ "Claude-Haiku-4-9", PROVIDER_ANTHROPIC, "claude-haiku-4", true, false, 60 },
		{ "claude-x", PROVIDER_ANTHROPIC, "claude", true, false, 0 },
		{ "gpt-5.9-pro", PROVIDER_OPENAI, "gpt-5", false, true, 7200 },
		{ "gpt-4.1-codex", PROVIDER_OPENAI, "codex", false, false, 600 },
		{ "gpt-4o", PROVIDER_OPENAI, "gpt", true, false, 90 },
		{ "chatgpt-4o-latest", PROVIDER_OPENAI, "gpt", true, false, 90 },
		{ "o3-mini", PROVIDER_OPENAI, "gpt", true, false, 90 },
		{ "gemini-2.5-pro", PROVIDER_GEMINI, "gemini-2", true, false, 180 },
		{ "gemini-9-flash", PROVIDER_GEMINI, "gemini", true, false, 120 },
	};

	clean();
	setenv("RKAT_TEST_CLIENT", "1", 1);
	for (size_t i = 0; i < COUNT(want); i++) {
		RESOLVES("{}", want[i].id, NULL);
		STR_IS(T.wire_id, want[i].id);
		STR_IS(T.profile.family, want[i].family);
		OK(T.provider == want[i].p && !T.profile.known);
		OK(T.profile.temperature == want[i].temperature);
		OK(T.profile.reasoning == want[i].reasoning);
		OK(T.profile.web_search && T.profile.vision);
		OK(T.profile.call_timeout_ms == want[i].secs * 1000);
	}
	STR_IS(resolve("{}", "llama", NULL), "Cannot infer provider from model "
	    "'llama': name the provider, too");
	RESOLVES("{}", "llama", "openai");
	OK(!T.profile.web_search && T.profile.vision &&
	    T.profile.call_timeout_ms == 0);
	STR_IS(resolve("{}", "x", "nobody"), "unknown provider 'nobody': "
	    "want anthropic, openai, gemini or self_hosted");
	STR_IS(resolve("{}", "x", "other"), "provider 'other' cannot be called");
	STR_IS(resolve("{}", "", NULL), "model id is empty");
	STR_IS(resolve("{}", "gpt-5\r\nX: y", NULL),
	    "model id: white space or control character in it");
}

TEST(keys_come_from_config_then_environment)
{
	static const char with_map[] =
	    "{\"providers\":{\"api_keys\":{\"openai\":\"from-map\"}}}";
	static const char with_block[] =
	    "{\"provider\":{\"type\":\"openai\",\"api_key\":\"from-block\"},"
	    "\"providers\":{\"api_keys\":{\"openai\":\"from-map\"}}}";

	clean();
	STR_IS(resolve("{}", "gpt-5.4", NULL),
	    "API key not set for provider 'openai': set OPENAI_API_KEY");
	STR_IS(resolve("{}", "claude-x", NULL), "API key not set for provider "
	    "'anthropic': set ANTHROPIC_API_KEY");
	setenv("OPENAI_API_KEY", "from-env", 1);
	setenv("RKAT_OPENAI_API_KEY", "", 1);
	RESOLVES("{}", "gpt-5.4", NULL);
	STR_IS(T.key, "from-env");
	setenv("RKAT_OPENAI_API_KEY", "ours", 1);
	RESOLVES("{}", "gpt-5.4", NULL);
	STR_IS(T.key, "ours");
	RESOLVES(with_map, "gpt-5.4", NULL);
	STR_IS(T.key, "from-map");
	RESOLVES(with_block, "gpt-5.4", NULL);
	STR_IS(T.key, "from-block");
	setenv("GOOGLE_API_KEY", "google", 1);
	RESOLVES(with_block, "gemini-3-flash-preview", NULL);
	STR_IS(T.key, "google");
	setenv("GEMINI_API_KEY", "gemini", 1);
	RESOLVES(with_block, "gemini-3-flash-preview", NULL);
	STR_IS(T.key, "gemini");
	setenv("GEMINI_API_KEY", "evil\r\nX-Header: 1", 1);
	STR_IS(resolve("{}", "gemini-3-flash-preview", NULL), "API key of "
	    "gemini: white space or control character in it");
}

static void
url_is(const char *config, const char *model, const char *want)
{
	const char *e = resolve(config, model, NULL);

	STR_IS(*e ? e : T.base_url, want);
}

TEST(base_urls_are_stripped)
{
	clean();
	setenv("RKAT_TEST_CLIENT", "1", 1);
	url_is("{}", "claude-x", "https://api.anthropic.com");
	url_is("{}", "gpt-5", "https://api.openai.com");
	url_is("{}", "gemini-3", "https://generativelanguage.googleapis.com");
	setenv("OPENAI_BASE_URL", "http://h:1//v1//", 1);
	url_is("{}", "gpt-5", "http://h:1");
	setenv("GOOGLE_GEMINI_BASE_URL", "http://g/v1beta/", 1);
	url_is("{}", "gemini-3", "http://g");
	setenv("GEMINI_BASE_URL", "http://g2", 1);
	url_is("{}", "gemini-3", "http://g2");
	setenv("ANTHROPIC_BASE_URL", "", 1);
	url_is("{}", "claude-x", "https://api.anthropic.com");
	url_is("{\"providers\":{\"base_urls\":{\"openai\":\"http://map/x/v1\"}}}",
	    "gpt-5", "http://map/x");
	url_is("{\"provider\":{\"type\":\"openai\",\"base_url\":\"http://b\"},"
	    "\"providers\":{\"base_urls\":{\"openai\":\"http://b/\"}}}", "gpt-5",
	    "http://b");
	url_is("{\"provider\":{\"type\":\"openai\",\"base_url\":\"http://b\"}}",
	    "claude-x", "https://api.anthropic.com");
	setenv("ANTHROPIC_BASE_URL", "http://h\n", 1);
	url_is("{}", "claude-x", "base URL of anthropic: white space or "
	    "control character in it");
	setenv("ANTHROPIC_BASE_URL", "file:///etc", 1);
	url_is("{}", "claude-x", "base URL of anthropic: want http:// or "
	    "https://, got file:///etc");
}

#define HOSTED(server, model) "{\"self_hosted\":{\"servers\":{\"s\":" server \
	"},\"models\":{\"m\":" model "}}}"

TEST(self_hosted_models_are_registered)
{
	clean();
	STR_IS(resolve("{}", "m", "self_hosted"),
	    "self-hosted model 'm' is not registered in config");
	RESOLVES(HOSTED("{\"base_url\":\"http://h:11434/\",\"api_style\":"
	    "\"chat_completions\",\"bearer_token_env\":\"OPENAI_API_KEY\"}",
	    "{\"server\":\"s\",\"remote_model\":\"gemma4:e2b\","
	    "\"context_window\":8192,\"vision\":true,\"call_timeout_secs\":6}"),
	    "m", NULL);
	STR_IS(T.base_url, "http://h:11434/v1");
	STR_IS(T.wire_id, "gemma4:e2b");
	STR_IS(T.server_id, "s");
	OK(T.provider == PROVIDER_SELF_HOSTED && T.chat_style && !T.key);
	OK(T.profile.vision && T.profile.temperature && T.profile.known);
	OK(T.profile.context_window == 8192 && !T.profile.web_search);
	OK(T.profile.call_timeout_ms == 6000);
	setenv("OPENAI_API_KEY", "tok", 1);
	RESOLVES(HOSTED("{\"base_url\":\"http://h:11434/v1/\",\"api_style\":"
	    "\"responses\",\"bearer_token_env\":\"OPENAI_API_KEY\"}",
	    "{\"server\":\"s\",\"remote_model\":\"\"}"), "m", "self-hosted");
	STR_IS(T.base_url, "http://h:11434/v1");
	STR_IS(T.wire_id, "m");
	STR_IS(T.key, "tok");
	OK(!T.chat_style);
	STR_IS(resolve(HOSTED("{\"base_url\":\"\"}", "{\"server\":\"s\","
	    "\"remote_model\":\"\"}"), "m", NULL),
	    "model m: base URL of s: want http:// or https://, got ");
	STR_IS(resolve(HOSTED("{}", "{\"server\":\"t\"}"), "m", NULL),
	    "model m: self_hosted.servers has no 't'");
}

TEST(the_user_s_catalogue_goes_over_ours)
{
	char *root = temp_root("{\"models\":{\"gpt-5.4\":{\"context_window\":7},"
	    "\"mine\":{\"provider\":\"gemini\",\"family\":\"f\"}},"
	    "\"defaults\":{\"openai\":\"gpt-4o\"}}");
	struct config c = { .v = json_text("{}") };
	struct err e = ERR_NONE;
	struct buf b = BUF_INIT;

	clean();
	setenv("RKAT_TEST_CLIENT", "1", 1);
	OK(model_resolve(&c, root, "gpt-5.4", NULL, &T, &e) == 0);
	OK(T.profile.context_window == 7 && T.profile.max_output == 16384);
	model_target_free(&T);
	OK(model_resolve(&c, root, "mine", NULL, &T, &e) == 0);
	OK(T.provider == PROVIDER_GEMINI && T.profile.known);
	STR_IS(T.profile.family, "f");
	model_target_free(&T);
	OK(catalog_emit(&c, root, &b, &e) == 0);
	OK(strstr(b.p, "\"provider\":\"openai\",\"default_model_id\":\"gpt-4o\""));
	OK(strstr(b.p, "{\"id\":\"mine\",\"display_name\":\"mine\","
	    "\"tier\":\"supported\",\"profile\":"));
	buf_free(&b);
	fs_remove_tree(root, NULL);
	free(root);

	root = temp_root("{\"models\":[");
	OK(model_resolve(&c, root, "gpt-5.4", NULL, &T, &e) < 0);
	OK(strstr(e.text, "/.rkat/models.json: "));
	fs_remove_tree(root, NULL);
	free(root);
}

TEST(the_catalogue_has_the_sheet_s_shape)
{
	struct config c = { .v = json_text(HOSTED("{}", "{\"server\":\"s\"}")) };
	struct buf b = BUF_INIT;
	struct jtext v, p;
	static const char *const order[] = { "anthropic", "openai", "gemini",
	    "self_hosted" };

	OK(catalog_emit(&c, NULL, &b, NULL) == 0);
	OK(json_parse(b.p, b.n, &v, NULL) == 0);
	p = json_get(v, "providers");
	OK(json_count(p) == 4);
	for (size_t i = 0; i < COUNT(order); i++) {
		char *path = xasprintf("%zu/provider", i), *last = xstrdup("");

		OK(json_str_is(json_path(p, path), order[i]));
		free(path);
		path = xasprintf("%zu/models", i);
		for (struct jiter it = json_iter(json_path(p, path));
		    json_next(&it); ) {
			char *id = json_get_str(it.value, "id");

			OK(strcmp(last, id) < 0);
			free(last);
			last = id;
		}
		free(last);
		free(path);
	}
	OK(strstr(b.p, "{\"id\":\"claude-opus-4-5\",\"display_name\":"
	    "\"Claude Opus 4.5\",\"tier\":\"supported\","
	    "\"context_window\":200000,\"max_output_tokens\":32768,\"profile\":"
	    "{\"model_family\":\"claude-opus-4\",\"supports_temperature\":true,"
	    "\"supports_thinking\":true,\"supports_reasoning\":false,"
	    "\"supports_web_search\":true,\"inline_video\":false,"
	    "\"params_schema\":{\"type\":\"object\",\"properties\":"));
	OK(strstr(b.p, "\"default_model_id\":\"m\",\"models\":[{\"id\":\"m\","
	    "\"display_name\":\"m\",\"tier\":\"supported\",\"server_id\":\"s\","));
	buf_trunc(&b, 0);
	OK(catalog_list(&c, NULL, &b, NULL) == 0);
	OK(json_parse(b.p, b.n, &v, NULL) == 0);
	OK(strstr(b.p, "\"price\":"));
	buf_free(&b);
}

TEST(provider_names)
{
	enum provider p;

	OK(provider_parse("open_a_i", &p) && p == PROVIDER_OPENAI);
	OK(provider_parse("self-hosted", &p) && p == PROVIDER_SELF_HOSTED);
	OK(!provider_parse("Anthropic", &p));
	STR_IS(provider_stored(PROVIDER_OPENAI), "open_a_i");
}
