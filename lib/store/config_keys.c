#include "store/config_keys.h"

/*
 * Every key of config sheet section 2, in the order of section 9, with type,
 * default and range.  Ours: shell.sandbox and what follows it, providers.cache, timeouts.
 */
#define K(n, ...) { .name = n, .kind = CK_##__VA_ARGS__ }
#define U16 65535
#define U32 4294967295
#define U64 INT64_MAX
#define I32 CK_SIGNED
#define W(...) ((const char *const []){ __VA_ARGS__, NULL })
#define END { .name = NULL }

static const struct config_key a_string = K("", STRING);
static const struct config_key a_duration = K("", DURATION);
static const struct config_key an_object = K("", OPEN);

static const struct config_key agent_keys[] = {
	K("system_prompt", STRING),
	K("system_prompt_file", STRING),
	K("tool_instructions", STRING),
	K("model", STRING, .def = "\"claude-opus-4-6\""),
	K("max_tokens_per_turn", WHOLE, .def = "16384", .max = U32),
	K("temperature", NUMBER),
	K("budget_warning_threshold", NUMBER, .def = "0.8"),
	K("max_turns", WHOLE, .max = U32),
	K("provider_params", OPEN, .flags = CK_OMIT),
	K("output_schema", ANY, .flags = CK_OMIT),
	K("structured_output_retries", WHOLE, .def = "2", .max = U32),
	K("extraction_prompt", STRING, .flags = CK_OMIT),
	END
};
static const struct config_key provider_keys[] = {
	K("type", WORD, .def = "\"anthropic\"",
	    .words = W("anthropic", "openai", "gemini"), .flags = CK_REQUIRED),
	K("api_key", STRING),
	K("base_url", STRING),
	END
};
static const struct config_key storage_keys[] = {
	K("directory", STRING),
	END
};
static const struct config_key budget_keys[] = {
	K("max_tokens", WHOLE, .max = U64),
	K("max_duration", DURATION),
	K("max_tool_calls", WHOLE, .max = U64),
	END
};
static const struct config_key retry_keys[] = {
	K("max_retries", WHOLE, .def = "3", .max = U32),
	K("initial_delay", DURATION, .def = "\"500ms\""),
	K("max_delay", DURATION, .def = "\"30s\""),
	K("multiplier", NUMBER, .def = "2.0"),
	K("call_timeout", DURATION, .words = W("disabled"), .flags = CK_OMIT),
	END
};
static const struct config_key mcp_server_keys[] = {
	K("name", STRING, .flags = CK_REQUIRED),
	END
};
static const struct config_key mcp_server = K("", OPEN, .sub = mcp_server_keys);
static const struct config_key tools_keys[] = {
	K("mcp_servers", LIST, .def = "[]", .sub = &mcp_server),
	K("default_timeout", DURATION, .def = "\"10m\""),
	K("tool_timeouts", NAMED, .def = "{}", .sub = &a_duration),
	K("max_concurrent", WHOLE, .def = "10", .max = U64),
	K("builtins_enabled", BOOL, .def = "false"),
	K("shell_enabled", BOOL, .def = "false"),
	K("comms_enabled", BOOL, .def = "false"),
	K("mob_enabled", BOOL, .def = "false"),
	END
};
static const struct config_key models_keys[] = {
	K("anthropic", STRING, .def = "\"claude-opus-4-6\""),
	K("openai", STRING, .def = "\"gpt-5.4\""),
	K("gemini", STRING, .def = "\"gemini-3-flash-preview\""),
	END
};
static const struct config_key shell_keys[] = {
	K("program", STRING, .def = "\"nu\""),
	K("timeout_secs", WHOLE, .def = "30", .max = U64),
	K("security_mode", WORD, .def = "\"unrestricted\"",
	    .words = W("unrestricted", "allow_list", "deny_list")),
	K("security_patterns", STRINGS, .def = "[]"),
	K("sandbox", WORD, .def = "\"workspace\"",
	    .words = W("off", "workspace", "strict")),
	K("network", BOOL, .def = "false"),
	K("sandbox_required", BOOL, .def = "false"),
	K("pass_env", STRINGS, .def = "[]"),
	END
};
static const struct config_key store_keys[] = {
	K("sessions_path", STRING),
	K("tasks_path", STRING),
	K("database_dir", STRING),
	END
};
static const struct config_key providers_keys[] = {
	K("base_urls", NAMED, .sub = &a_string),
	K("api_keys", NAMED, .sub = &a_string),
	K("cache", BOOL, .def = "true"),
	END
};
static const struct config_key comms_keys[] = {
	K("mode", WORD, .def = "\"inproc\"",
	    .words = W("inproc", "tcp", "uds")),
	K("address", STRING),
	K("auth", WORD, .def = "\"none\"", .words = W("none", "ed25519")),
	K("require_peer_auth", BOOL, .def = "true"),
	K("event_address", STRING),
	END
};
static const struct config_key compaction_keys[] = {
	K("auto_compact_threshold", WHOLE, .def = "100000", .max = U64),
	K("recent_turn_budget", WHOLE, .def = "4", .max = U64),
	K("max_summary_tokens", WHOLE, .def = "4096", .max = U32),
	K("min_turns_between_compactions", WHOLE, .def = "3", .max = U32),
	END
};
static const struct config_key limits_keys[] = {
	K("budget", WHOLE, .max = U64),
	K("max_duration", DURATION),
	END
};
static const struct config_key rest_keys[] = {
	K("host", STRING, .def = "\"127.0.0.1\""),
	K("port", WHOLE, .def = "8080", .max = U16),
	END
};
static const struct config_key runtime_keys[] = {
	K("type", WORD, .words = W("in_process", "command", "http"),
	    .flags = CK_REQUIRED),
	END
};
static const struct config_key hook_keys[] = {
	K("id", STRING, .def = "\"hook\""),
	K("enabled", BOOL, .def = "true"),
	K("point", WORD, .def = "\"turn_boundary\"", .words = W("run_started",
	    "run_completed", "run_failed", "pre_llm_request",
	    "post_llm_response", "pre_tool_execution", "post_tool_execution",
	    "turn_boundary")),
	K("mode", WORD, .def = "\"foreground\"",
	    .words = W("foreground", "background")),
	K("capability", WORD, .def = "\"observe\"",
	    .words = W("observe", "guardrail", "rewrite")),
	K("priority", WHOLE, .def = "100", .max = I32),
	K("failure_policy", WORD, .words = W("fail_open", "fail_closed"),
	    .flags = CK_OMIT),
	K("timeout_ms", WHOLE, .max = U64, .flags = CK_OMIT),
	K("runtime", OPEN, .def = "{\"type\":\"in_process\",\"name\":\"noop\"}",
	    .sub = runtime_keys),
	END
};
static const struct config_key hook = K("", TABLE, .sub = hook_keys);
static const struct config_key hooks_keys[] = {
	K("default_timeout_ms", WHOLE, .def = "5000", .max = U64),
	K("payload_max_bytes", WHOLE, .def = "131072", .max = U64),
	K("background_max_concurrency", WHOLE, .def = "32", .max = U64),
	K("entries", HOOKS, .def = "[]", .sub = &hook),
	END
};
static const struct config_key filesystem_keys[] = {
	K("path", STRING, .flags = CK_REQUIRED),
	END
};
static const struct config_key stdio_keys[] = {
	K("command", STRING, .flags = CK_REQUIRED),
	K("args", STRINGS, .def = "[]"),
	K("cwd", STRING),
	K("env", NAMED, .def = "{}", .sub = &a_string),
	K("timeout_seconds", WHOLE, .def = "15", .max = U64),
	END
};
static const struct config_key http_keys[] = {
	K("url", STRING, .flags = CK_REQUIRED),
	K("auth_header", STRING),
	K("auth_token", STRING),
	K("refresh_seconds", WHOLE, .def = "300", .max = U64),
	K("timeout_seconds", WHOLE, .def = "15", .max = U64),
	END
};
static const struct config_key git_keys[] = {
	K("url", STRING, .flags = CK_REQUIRED),
	K("git_ref", STRING, .def = "\"main\""),
	K("ref_type", WORD, .def = "\"branch\"",
	    .words = W("branch", "tag", "commit")),
	K("skills_root", STRING),
	K("auth_token", STRING),
	K("ssh_key", STRING),
	K("refresh_seconds", WHOLE, .def = "300", .max = U64),
	K("depth", WHOLE, .def = "1", .max = U64),
	END
};
/* What follows name, source_uuid and type is named by the type. */
static const struct config_key repository_types[] = {
	K("filesystem", TABLE, .sub = filesystem_keys),
	K("stdio", TABLE, .sub = stdio_keys),
	K("http", TABLE, .sub = http_keys),
	K("git", TABLE, .sub = git_keys),
	END
};
static const struct config_key repository_keys[] = {
	K("name", STRING, .flags = CK_REQUIRED),
	K("source_uuid", STRING, .flags = CK_REQUIRED),
	K("type", WORD, .words = W("filesystem", "stdio", "http", "git"),
	    .flags = CK_REQUIRED),
	K("", BY_TAG, .sub = repository_types),
	END
};
static const struct config_key repository = K("", TABLE,
	    .sub = repository_keys);
static const struct config_key health_keys[] = {
	K("degraded_invalid_ratio", NUMBER, .def = "0.05"),
	K("unhealthy_invalid_ratio", NUMBER, .def = "0.4"),
	K("degraded_failure_streak", WHOLE, .def = "3", .max = U32),
	K("unhealthy_failure_streak", WHOLE, .def = "10", .max = U32),
	END
};
static const struct config_key identity_keys[] = {
	K("lineage", LIST, .def = "[]", .sub = &an_object),
	K("remaps", LIST, .def = "[]", .sub = &an_object),
	K("aliases", LIST, .def = "[]", .sub = &an_object),
	END
};
static const struct config_key skills_keys[] = {
	K("enabled", BOOL, .def = "true"),
	K("max_injection_bytes", WHOLE, .def = "32768", .max = U64),
	K("inventory_threshold", WHOLE, .def = "12", .max = U64),
	K("repositories", LIST, .def = "[]", .sub = &repository),
	K("health_thresholds", TABLE, .sub = health_keys),
	K("identity", TABLE, .sub = identity_keys),
	END
};
static const struct config_key server_keys[] = {
	K("transport", WORD, .def = "\"open_ai_compatible\"",
	    .words = W("open_ai_compatible",
	    "openai_compatible=open_ai_compatible")),
	K("base_url", STRING, .def = "\"\""),
	K("api_style", WORD, .def = "\"chat_completions\"",
	    .words = W("responses", "chat_completions")),
	K("bearer_token", STRING, .flags = CK_OMIT),
	K("bearer_token_env", STRING, .flags = CK_OMIT),
	END
};
static const struct config_key server = K("", TABLE, .sub = server_keys);
static const struct config_key model_keys[] = {
	K("server", STRING, .def = "\"\""),
	K("remote_model", STRING, .def = "\"\""),
	K("display_name", STRING, .def = "\"\""),
	K("family", STRING, .def = "\"\""),
	K("tier", WORD, .def = "\"supported\"",
	    .words = W("recommended", "supported")),
	K("context_window", WHOLE, .max = U32, .flags = CK_OMIT),
	K("max_output_tokens", WHOLE, .max = U32, .flags = CK_OMIT),
	K("vision", BOOL, .def = "false"),
	K("image_tool_results", BOOL, .def = "false"),
	K("inline_video", BOOL, .def = "false"),
	K("supports_temperature", BOOL, .def = "true"),
	K("supports_thinking", BOOL, .def = "false"),
	K("supports_reasoning", BOOL, .def = "false"),
	K("supports_web_search", BOOL, .def = "false"),
	K("call_timeout_secs", WHOLE, .max = U64, .flags = CK_OMIT),
	END
};
static const struct config_key model = K("", TABLE, .sub = model_keys);
static const struct config_key self_hosted_keys[] = {
	K("servers", NAMED, .def = "{}", .sub = &server),
	K("models", NAMED, .def = "{}", .sub = &model),
	END
};
static const struct config_key web_search_keys[] = {
	K("web_search", BOOL, .def = "true"),
	END
};
static const struct config_key google_search_keys[] = {
	K("google_search", BOOL, .def = "true"),
	END
};
static const struct config_key provider_tools_keys[] = {
	K("anthropic", TABLE, .sub = web_search_keys),
	K("openai", TABLE, .sub = web_search_keys),
	K("gemini", TABLE, .sub = google_search_keys),
	END
};
static const struct config_key timeouts_keys[] = {
	K("connect", DURATION),
	K("first_byte", DURATION),
	K("idle", DURATION),
	END
};
static const struct config_key top_keys[] = {
	K("agent", TABLE, .sub = agent_keys),
	K("provider", TABLE, .sub = provider_keys),
	K("storage", TABLE, .sub = storage_keys),
	K("budget", TABLE, .sub = budget_keys),
	K("retry", TABLE, .sub = retry_keys),
	K("tools", TABLE, .sub = tools_keys),
	K("models", TABLE, .sub = models_keys),
	K("max_tokens", WHOLE, .def = "16384", .max = U32),
	K("shell", TABLE, .sub = shell_keys),
	K("store", TABLE, .sub = store_keys),
	K("providers", TABLE, .sub = providers_keys),
	K("comms", TABLE, .sub = comms_keys),
	K("compaction", TABLE, .sub = compaction_keys),
	K("limits", TABLE, .sub = limits_keys),
	K("rest", TABLE, .sub = rest_keys),
	K("hooks", TABLE, .sub = hooks_keys),
	K("skills", TABLE, .sub = skills_keys),
	K("self_hosted", TABLE, .sub = self_hosted_keys),
	K("provider_tools", TABLE, .sub = provider_tools_keys),
	K("timeouts", TABLE, .sub = timeouts_keys),
	END
};
const struct config_key config_top = K("", TABLE, .sub = top_keys);
