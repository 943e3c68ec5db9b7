#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/jput.h"
#include "base/toml.h"
#include "base/util.h"
#include "store/config.h"
#include "store/config_keys.h"
#include "test.h"

/* A realm, a project and a user of their own for each test. */
static struct realm R;
static char *root;

static void
begin(void)
{
	char dir[] = "/tmp/rkat-config.XXXXXX";

	root = xstrdup(mkdtemp(dir));
	R = (struct realm){ .id = "test", .backend = "sqlite",
		.origin = "explicit", .dir = fs_join(root, "realm"),
		.context_root = fs_join(root, "work"),
		.user_root = fs_join(root, "home") };
	fs_mkdirs(R.dir, 0700, NULL);
	for (int i = 0; i < 2; i++) {
		char *d = fs_join(i ? R.context_root : R.user_root, ".rkat");

		fs_mkdirs(d, 0700, NULL);
		free(d);
	}
}

static void
end(void)
{
	fs_remove_tree(root, NULL);
	free(R.dir);
	free(R.context_root);
	free(R.user_root);
	free(root);
}

static void
put_file(const char *name, const char *text)
{
	char *path = fs_join(root, name);

	OK(fs_write_atomic(path, text, strlen(text), 0600, NULL) == 0);
	free(path);
}

#define USER "home/.rkat/config.toml"
#define PROJECT "work/.rkat/config.toml"
#define REALM "realm/config.toml"

/* The value at path as JSON text, or the error; static storage. */
static const char *
value(const char *path)
{
	static char text[4096];
	struct err e = ERR_NONE;
	struct config c;
	struct jtext v;

	if (config_load(&R, &c, &e) < 0)
		return strcpy(text, e.text);
	v = *path ? json_path(c.v, path) : c.v;
	snprintf(text, sizeof text, "%.*s", (int)v.n, v.p ? v.p : "");
	config_free(&c);
	return text;
}

static const char *
error_of(int rc, struct err *e)
{
	return rc < 0 ? e->text : "no error";
}

static const char *
set_error(const char *json)
{
	static struct err e;
	int64_t g;

	return error_of(config_set(&R, json_text(json), -1, &g, &e), &e);
}

static const char *
patch_error(const char *json)
{
	static struct err e;
	int64_t g;

	return error_of(config_patch(&R, json_text(json), -1, &g, &e), &e);
}

static void
file_is(const char *name, const char *want)
{
	struct buf b = BUF_INIT;
	char *path = fs_join(root, name);

	if (fs_read(path, 1 << 20, &b, NULL) < 0)
		buf_puts(&b, "(none)");
	STR_IS(buf_str(&b), want);
	buf_free(&b);
	free(path);
}

TEST(defaults_are_complete_and_in_order)
{
	char want[4096];

	begin();
	snprintf(want, sizeof want,
	    "{\"agent\":{\"system_prompt\":null,\"system_prompt_file\":null,"
	    "\"tool_instructions\":null,\"model\":\"claude-opus-4-6\","
	    "\"max_tokens_per_turn\":16384,\"temperature\":null,"
	    "\"budget_warning_threshold\":0.8,\"max_turns\":null,"
	    "\"structured_output_retries\":2},"
	    "\"provider\":{\"type\":\"anthropic\",\"api_key\":null,"
	    "\"base_url\":null},"
	    "\"storage\":{\"directory\":\"%s/.rkat/sessions\"},"
	    "\"budget\":{\"max_tokens\":null,\"max_duration\":null,"
	    "\"max_tool_calls\":null},"
	    "\"retry\":{\"max_retries\":3,\"initial_delay\":\"500ms\","
	    "\"max_delay\":\"30s\",\"multiplier\":2.0},"
	    "\"tools\":{\"mcp_servers\":[],\"default_timeout\":\"10m\","
	    "\"tool_timeouts\":{},\"max_concurrent\":10,"
	    "\"builtins_enabled\":false,\"shell_enabled\":false,"
	    "\"comms_enabled\":false,\"mob_enabled\":false},"
	    "\"models\":{\"anthropic\":\"claude-opus-4-6\","
	    "\"openai\":\"gpt-5.4\",\"gemini\":\"gemini-3-flash-preview\"},"
	    "\"max_tokens\":16384,"
	    "\"shell\":{\"program\":\"nu\",\"timeout_secs\":30,"
	    "\"security_mode\":\"unrestricted\",\"security_patterns\":[],"
	    "\"sandbox\":\"workspace\",\"network\":false,"
	    "\"sandbox_required\":false,\"pass_env\":[]},"
	    "\"store\":{\"sessions_path\":null,\"tasks_path\":null,"
	    "\"database_dir\":null},"
	    "\"providers\":{\"base_urls\":null,\"api_keys\":null,"
	    "\"cache\":true},"
	    "\"comms\":{\"mode\":\"inproc\",\"address\":null,\"auth\":\"none\","
	    "\"require_peer_auth\":true,\"event_address\":null},"
	    "\"compaction\":{\"auto_compact_threshold\":100000,"
	    "\"recent_turn_budget\":4,\"max_summary_tokens\":4096,"
	    "\"min_turns_between_compactions\":3},"
	    "\"limits\":{\"budget\":null,\"max_duration\":null},"
	    "\"rest\":{\"host\":\"127.0.0.1\",\"port\":8080},"
	    "\"hooks\":{\"default_timeout_ms\":5000,"
	    "\"payload_max_bytes\":131072,\"background_max_concurrency\":32,"
	    "\"entries\":[]},"
	    "\"skills\":{\"enabled\":true,\"max_injection_bytes\":32768,"
	    "\"inventory_threshold\":12,\"repositories\":[],"
	    "\"health_thresholds\":{\"degraded_invalid_ratio\":0.05,"
	    "\"unhealthy_invalid_ratio\":0.4,\"degraded_failure_streak\":3,"
	    "\"unhealthy_failure_streak\":10},"
	    "\"identity\":{\"lineage\":[],\"remaps\":[],\"aliases\":[]}},"
	    "\"self_hosted\":{\"servers\":{},\"models\":{}},"
	    "\"provider_tools\":{\"anthropic\":{\"web_search\":true},"
	    "\"openai\":{\"web_search\":true},"
	    "\"gemini\":{\"google_search\":true}},"
	    "\"timeouts\":{\"connect\":null,\"first_byte\":null,"
	    "\"idle\":null}}", R.context_root);
	STR_IS(value(""), want);
	end();
}

TEST(a_second_load_sees_every_change)
{
	struct config c;
	char *path;

	begin();
	STR_IS(value("agent/max_turns"), "null");
	put_file(USER, "[agent]\nmax_turns = 7\n");
	STR_IS(value("agent/max_turns"), "7");
	STR_IS(value("agent/max_turns"), "7");
	put_file(USER, "[agent]\nmax_turns = 8\n");
	STR_IS(value("agent/max_turns"), "8");
	put_file(PROJECT, "[agent]\nmax_turns = \"x\"\n");
	OK(strstr(value(""), "want a whole number") != NULL);
	OK(strstr(value(""), "want a whole number") != NULL);
	put_file(PROJECT, "[agent]\nmax_turns = 9\n");
	STR_IS(value("agent/max_turns"), "9");
	put_file(REALM, "[agent]\nmax_turns = 10\n");
	STR_IS(value("agent/max_turns"), "10");
	path = fs_join(root, REALM);
	OK(unlink(path) == 0);
	free(path);
	STR_IS(value("agent/max_turns"), "9");
	OK(config_load(&R, &c, NULL) == 0);
	for (struct jiter it = json_iter(c.v); json_next(&it); ) {
		char *name = json_str(it.key, NULL);

		OK(config_at(&c, name).p == it.value.p);
		free(name);
	}
	OK(config_i64(&c, "agent/max_turns", 0) == 9);
	OK(!config_at(&c, "agen").p && !config_at(&c, "agent/x").p);
	config_free(&c);
	end();
}

TEST(layers_merge_key_by_key)
{
	begin();
	put_file(USER, "max_tokens = 1\n[agent]\nmodel = 'user'\nmax_turns = 1\n"
	    "[providers.base_urls]\nopenai = 'http://u'\ngemini = 'http://u'\n"
	    "[shell]\nsecurity_patterns = ['a', 'b']\n");
	put_file(PROJECT, "max_tokens = 2\n[agent]\nmodel = 'project'\n"
	    "[providers.base_urls]\nopenai = 'http://p'\n");
	put_file(REALM, "[agent]\nmodel = 'realm'\nunknown = 1\n"
	    "[shell]\nsecurity_patterns = ['c']\n[unknown]\nx = 1979-05-27\n");
	STR_IS(value("agent/model"), "\"realm\"");
	STR_IS(value("max_tokens"), "2");
	STR_IS(value("agent/max_turns"), "1");
	STR_IS(value("agent/unknown"), "");
	STR_IS(value("unknown"), "");
	STR_IS(value("shell/security_patterns"), "[\"c\"]");
	STR_IS(value("providers/base_urls"),
	    "{\"openai\":\"http://p\",\"gemini\":\"http://u\"}");
	end();
}

TEST(named_entries_merge_and_get_their_defaults)
{
	begin();
	put_file(USER, "[self_hosted.servers.a]\nbase_url = 'http://a'\n"
	    "bearer_token = 'secret-token'\n");
	put_file(REALM, "[self_hosted.servers.a]\ntransport = "
	    "'openai_compatible'\napi_style = 'responses'\n"
	    "[self_hosted.models.m]\nserver = 'a'\n");
	STR_IS(value("self_hosted/servers"), "{\"a\":{\"transport\":"
	    "\"open_ai_compatible\",\"base_url\":\"http://a\","
	    "\"api_style\":\"responses\",\"bearer_token\":\"secret-token\"}}");
	STR_IS(value("self_hosted/models/m"), "{\"server\":\"a\","
	    "\"remote_model\":\"\",\"display_name\":\"\",\"family\":\"\","
	    "\"tier\":\"supported\",\"vision\":false,"
	    "\"image_tool_results\":false,\"inline_video\":false,"
	    "\"supports_temperature\":true,\"supports_thinking\":false,"
	    "\"supports_reasoning\":false,\"supports_web_search\":false}");
	end();
}

TEST(a_key_does_not_follow_another_provider_type)
{
	begin();
	put_file(USER, "[provider]\ntype = 'anthropic'\napi_key = 'k'\n");
	put_file(PROJECT, "[provider]\ntype = 'openai'\n");
	STR_IS(value("provider"), "{\"type\":\"openai\",\"api_key\":null,"
	    "\"base_url\":null}");
	put_file(PROJECT, "[provider]\ntype = 'anthropic'\nbase_url = 'u'\n");
	STR_IS(value("provider"), "{\"type\":\"anthropic\",\"api_key\":\"k\","
	    "\"base_url\":\"u\"}");
	end();
}

TEST(hooks_go_through_all_layers_first_id_wins)
{
	begin();
	put_file(USER, "[[hooks.entries]]\nid = 'u'\n"
	    "[[hooks.entries]]\nid = 'x'\npriority = 3\n");
	put_file(PROJECT, "[[hooks.entries]]\nid = 'x'\npriority = 2\n"
	    "[[hooks.entries]]\nid = 'p'\n");
	put_file(REALM, "[[hooks.entries]]\nid = 'x'\npriority = -1\n"
	    "[hooks.entries.runtime]\ntype = 'command'\n"
	    "config = { command = 'true', args = ['a'] }\n");
	STR_IS(value("hooks/entries/0"), "{\"id\":\"x\",\"enabled\":true,"
	    "\"point\":\"turn_boundary\",\"mode\":\"foreground\","
	    "\"capability\":\"observe\",\"priority\":-1,\"runtime\":"
	    "{\"type\":\"command\",\"command\":\"true\",\"args\":[\"a\"]}}");
	STR_IS(value("hooks/entries/1/id"), "\"p\"");
	STR_IS(value("hooks/entries/2/id"), "\"u\"");
	STR_IS(value("hooks/entries/2/runtime"),
	    "{\"type\":\"in_process\",\"name\":\"noop\"}");
	STR_IS(value("hooks/entries/3"), "");
	end();
}

TEST(other_spellings)
{
	struct config c;

	begin();
	put_file(REALM, "[shell]\nallowlist = ['git *']\n"
	    "[limits]\nmax_duration = 600000\n"
	    "[retry]\ncall_timeout = 'disabled'\ninitial_delay = '90s'\n");
	STR_IS(value("shell/security_mode"), "\"allow_list\"");
	STR_IS(value("shell/security_patterns"), "[\"git *\"]");
	STR_IS(value("limits/max_duration"), "\"10m\"");
	STR_IS(value("retry/initial_delay"), "\"1m 30s\"");
	OK(config_load(&R, &c, NULL) == 0);
	OK(config_ms(&c, "limits/max_duration") == 600000);
	OK(config_ms(&c, "retry/call_timeout") == -2);
	OK(config_ms(&c, "budget/max_duration") == -1);
	OK(config_i64(&c, "rest/port", 0) == 8080);
	OK(config_f64(&c, "retry/multiplier", 0) == 2);
	OK(!config_bool(&c, "shell/network", true));
	OK(!config_str(&c, "agent/system_prompt"));
	config_free(&c);
	end();
}

/* A file with this text does not load, and says why. */
static void
refused(const char *file, const char *text, const char *why)
{
	char *want = xasprintf("Failed to load config: %s/%s: %s", root, file,
	    why);

	put_file(file, text);
	STR_IS(value("max_tokens"), want);
	put_file(file, "");
	free(want);
}

TEST(wrong_values_name_file_and_key)
{
	begin();
	refused(USER, "[agent", "line 1, column 7: expected ']'");
	refused(REALM, "agent = 1\n", "agent: want a table");
	refused(PROJECT, "[agent]\nmax_turns = 'x'\n", "agent.max_turns: "
	    "want a whole number from 0 to 4294967295");
	refused(REALM, "max_tokens = -1\n", "max_tokens: "
	    "want a whole number from 0 to 4294967295");
	refused(REALM, "[rest]\nport = 65536\n",
	    "rest.port: want a whole number from 0 to 65535");
	refused(REALM, "[agent]\ntemperature = nan\n",
	    "agent.temperature: want a number");
	refused(REALM, "[tools]\nshell_enabled = 1\n",
	    "tools.shell_enabled: want true or false");
	refused(REALM, "[comms]\nmode = 'udp'\n", "comms.mode: "
	    "want one of \"inproc\" \"tcp\" \"uds\"");
	refused(REALM, "[limits]\nmax_duration = '10 parsecs'\n",
	    "limits.max_duration: want a duration like \"1h30m\" or \"500ms\","
	    " or whole milliseconds");
	refused(REALM, "[agent]\nmodel = \"a\\u0000b\"\n",
	    "agent.model: want a string without NUL characters");
	refused(REALM, "[shell]\nsecurity_patterns = ['a', 1]\n",
	    "shell.security_patterns[1]: want a string without NUL characters");
	refused(REALM, "[provider]\napi_key = 'x'\n",
	    "provider.type: want a value: it is required");
	refused(REALM, "[[hooks.entries]]\nruntime = { name = 'x' }\n",
	    "hooks.entries[0].runtime.type: want a value: it is required");
	refused(REALM, "[self_hosted]\nservers = { x = 1 }\n",
	    "self_hosted.servers.x: want a table");
	refused(REALM, "[[skills.repositories]]\nname = 'x'\n"
	    "source_uuid = 'u'\ntype = 'git'\n",
	    "skills.repositories[0].url: want a value: it is required");
	refused(USER, "[agent]\nmodel = 1\n",
	    "agent.model: want a string without NUL characters");
	STR_IS(value("max_tokens"), "16384");
	end();
}

TEST(repositories_get_the_defaults_of_their_type)
{
	begin();
	put_file(REALM, "[[skills.repositories]]\nname = 'x'\n"
	    "source_uuid = 'u'\ntype = 'git'\nurl = 'g'\nauth_token = 'tttttt'\n");
	STR_IS(value("skills/repositories"), "[{\"name\":\"x\","
	    "\"source_uuid\":\"u\",\"type\":\"git\",\"url\":\"g\","
	    "\"git_ref\":\"main\",\"ref_type\":\"branch\","
	    "\"skills_root\":null,\"auth_token\":\"tttttt\",\"ssh_key\":null,"
	    "\"refresh_seconds\":300,\"depth\":1}]");
	end();
}

TEST(set_keeps_the_document_patch_changes_it)
{
	begin();
	put_file(USER, "[agent]\nmodel = 'user'\n");
	STR_IS(set_error("{\"agent\":{\"max_turns\":3},\"mine\":{\"x\":1}}"),
	    "no error");
	file_is(REALM, "[agent]\nmax_turns = 3\n\n[mine]\nx = 1\n");
	file_is("realm/config_state.json", "{\n  \"generation\": 1\n}");
	STR_IS(value("agent/model"), "\"user\"");
	STR_IS(patch_error("{\"agent\":{\"model\":\"m\",\"max_turns\":null}}"),
	    "no error");
	file_is(REALM, "[agent]\nmodel = \"m\"\n\n[mine]\nx = 1\n");
	STR_IS(patch_error("{\"agent\":{\"model\":null}}"), "no error");
	STR_IS(value("agent/model"), "\"user\"");
	file_is("realm/config_state.json", "{\n  \"generation\": 3\n}");
	end();
}

TEST(a_toml_document_keeps_its_comments)
{
	int64_t g;

	begin();
	OK(config_set_toml(&R, "# why\nmax_tokens = 5 # so\n", 26, -1, &g,
	    NULL) == 0);
	OK(g == 1);
	file_is(REALM, "# why\nmax_tokens = 5 # so\n");
	end();
}

TEST(section_5_in_order)
{
	begin();
#define V "Validation error: "
	STR_IS(set_error("{\"max_tokens\":0,\"agent\":{\"max_tokens_per_turn\":0}}"),
	    V "max_tokens must be greater than 0");
	STR_IS(set_error("{\"limits\":{\"budget\":0},"
	    "\"agent\":{\"max_tokens_per_turn\":0}}"),
	    V "agent.max_tokens_per_turn must be greater than 0");
	STR_IS(set_error("{\"limits\":{\"budget\":0},\"budget\":{\"max_tokens\":0}}"),
	    V "budget.max_tokens must be greater than 0 when set");
	STR_IS(set_error("{\"limits\":{\"budget\":0}}"),
	    V "limits.budget must be greater than 0 when set");
	STR_IS(set_error("{\"compaction\":{\"max_summary_tokens\":0,"
	    "\"recent_turn_budget\":0}}"),
	    V "compaction.recent_turn_budget must be greater than 0");
	STR_IS(set_error("{\"provider\":{\"type\":\"openai\",\"base_url\":\"a\"},"
	    "\"providers\":{\"base_urls\":{\"openai\":\"b\"}}}"),
	    V "provider base_url conflicts with providers.base_urls entry");
	STR_IS(set_error("{\"provider\":{\"type\":\"openai\",\"api_key\":\"a\"},"
	    "\"providers\":{\"api_keys\":{\"openai\":\"b\"}}}"),
	    V "provider api_key conflicts with providers.api_keys entry");
	STR_IS(set_error("{\"provider\":{\"type\":\"openai\",\"api_key\":\"a\"},"
	    "\"providers\":{\"api_keys\":{\"openai\":\"a\",\"gemini\":\"b\"}}}"),
	    "no error");
	STR_IS(set_error("{\"self_hosted\":{\"models\":{\"m\":{\"server\":\"s\"}}}}"),
	    V "self_hosted.models.m references unknown server 's'");
	STR_IS(set_error("{\"self_hosted\":{\"servers\":{\"s\":{}},\"models\":"
	    "{\"gpt-5.4\":{\"server\":\"s\"}}}}"), V
	    "model id must be unique across built-in and self-hosted entries");
	STR_IS(patch_error("{\"agent\":{\"max_turns\":-1}}") + strlen(root),
	    "/realm/config.toml: agent.max_turns: "
	    "want a whole number from 0 to 4294967295");
	STR_IS(set_error("[]"), "a configuration must be a JSON object");
	STR_IS(patch_error("3"), "a patch must be a JSON object");
	file_is("realm/config_state.json", "{\n  \"generation\": 1\n}");
	end();
}

TEST(a_bad_file_loads_if_only_section_5_objects)
{
	begin();
	put_file(REALM, "max_tokens = 0\n");
	STR_IS(value("max_tokens"), "0");
	put_file(REALM, "not toml\n");
	OK(strstr(patch_error("{}"), "line 1, column 5: expected '='"));
	STR_IS(set_error("{}"), "no error");
	STR_IS(value("max_tokens"), "16384");
	end();
}

TEST(generations_compare_and_swap)
{
	struct err e = ERR_NONE;
	int64_t g;

	begin();
	OK(config_set(&R, json_text("{}"), 0, &g, NULL) == 0 && g == 1);
	OK(config_set(&R, json_text("{\"max_tokens\":1}"), 0, &g, &e) < 0);
	STR_IS(e.text, "generation conflict: expected 0, current 1");
	OK(e.code == E_CONFLICT);
	OK(config_patch(&R, json_text("{}"), 1, &g, NULL) == 0 && g == 2);
	put_file("realm/config_state.json", "{\"generation\": \"x\"}");
	OK(config_patch(&R, json_text("{}"), -1, &g, &e) < 0);
	OK(e.code == E_STORAGE_ERROR);
	end();
}

TEST(many_writers_lose_nothing)
{
	enum { WRITERS = 4, EACH = 10 };
	int64_t g;

	begin();
	for (int w = 0; w < WRITERS; w++) {
		if (fork())
			continue;
		for (int i = 0; i < EACH; i++) {
			char *json = xasprintf("{\"tools\":{\"tool_timeouts\":"
			    "{\"w%di%d\":\"1s\"}}}", w, i);

			if (config_patch(&R, json_text(json), -1, &g, NULL) < 0)
				_exit(1);
			free(json);
		}
		_exit(0);
	}
	for (int w = 0, status; w < WRITERS; w++) {
		OK(wait(&status) > 0 && status == 0);
	}
	file_is("realm/config_state.json", "{\n  \"generation\": 40\n}");
	OK(json_count(json_text(value("tools/tool_timeouts"))) ==
	    WRITERS * EACH);
	end();
}

TEST(secrets_are_masked_and_masks_come_back)
{
	struct config c;
	struct buf b = BUF_INIT;
	struct stat st;
	char *path;
	int64_t g;

	begin();
	put_file(USER, "[providers.api_keys]\ngemini = 'AIza-of-the-user'\n");
	STR_IS(set_error("{\"providers\":{\"api_keys\":{\"openai\":"
	    "\"sk-1234567890\",\"x\":\"abcd\"}},\"tools\":{\"mcp_servers\":"
	    "[{\"name\":\"s\",\"env\":{\"T\":\"t\xc3\xa9-\xe2\x82\xac\xc3\xbc\"}}]}}"),
	    "no error");
	OK(config_load(&R, &c, NULL) == 0);
	config_emit_json(&c, &b, false);
	OK(strstr(b.p, "\"api_keys\":{\"gemini\":\"AI...er\","
	    "\"openai\":\"sk...90\",\"x\":\"****\"}"));
	OK(strstr(b.p, "\"env\":{\"T\":\"t\xc3\xa9...\xe2\x82\xac\xc3\xbc\"}"));
	OK(!strstr(b.p, "1234567890"));
	/* What we showed is taken back without harm. */
	OK(config_set(&R, json_slice(b.p, b.n), -1, &g, NULL) == 0);
	STR_IS(value("providers/api_keys"), "{\"gemini\":\"AIza-of-the-user\","
	    "\"openai\":\"sk-1234567890\",\"x\":\"abcd\"}");
	STR_IS(value("tools/mcp_servers/0/env/T"),
	    "\"t\xc3\xa9-\xe2\x82\xac\xc3\xbc\"");
	buf_trunc(&b, 0);
	config_emit_toml(&c, &b, true);
	OK(strstr(b.p, "openai = \"sk-1234567890\""));
	config_free(&c);
	path = fs_join(root, REALM);
	buf_trunc(&b, 0);
	OK(fs_read(path, 1 << 20, &b, NULL) == 0);
	OK(!strstr(b.p, "AIza"));	/* still the user's only */
	OK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	free(path);
	buf_free(&b);
	end();
}

TEST(too_much_is_refused)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_NONE;
	int64_t g;

	begin();
	buf_puts(&b, "{\"x\":\"");
	for (int i = 0; i < CONFIG_MAX; i++)
		buf_putc(&b, 'x');
	buf_puts(&b, "\"}");
	OK(config_set(&R, json_slice(b.p, b.n), -1, &g, &e) < 0);
	STR_IS(e.text, "more than 1048576 bytes");
	put_file(USER, b.p);
	OK(!strncmp(value(""), "Failed to load config: ", 23));
	file_is(REALM, "(none)");
	buf_free(&b);
	end();
}

TEST(the_template_changes_nothing)
{
	char before[4096];

	begin();
	strcpy(before, value(""));
	put_file(USER, config_template());
	STR_IS(value(""), before);
	end();
}

TEST(a_nul_does_not_cut_a_word_out_of_a_longer_one)
{
	begin();
	put_file(REALM, "[[skills.repositories]]\nname = \"a\"\n"
	    "source_uuid = \"u\"\ntype = \"filesystem\\u0000x\"\n"
	    "path = \"p\"\n");
	OK(strstr(value("skills"), "skills.repositories[0].type: want one of"));
	put_file(REALM, "[limits]\nmax_duration = \"5m\\u0000x\"\n");
	OK(strstr(value("limits"), "limits.max_duration: want a duration"));
	end();
}

TEST(effective_toml_loads_again)
{
	struct config c;
	struct buf b = BUF_INIT;
	char before[4096];
	int64_t g;

	begin();
	strcpy(before, value(""));
	OK(config_load(&R, &c, NULL) == 0);
	config_emit_toml(&c, &b, false);
	config_free(&c);
	OK(!strncmp(b.p, "max_tokens = 16384\n\n[agent]\nmodel = ", 35));
	OK(config_set_toml(&R, b.p, b.n, -1, &g, NULL) == 0);
	STR_IS(value(""), before);
	buf_free(&b);
	end();
}
