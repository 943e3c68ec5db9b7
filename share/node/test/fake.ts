// A small server that behaves, or misbehaves, as the test asks: the scenario is
// the instance label that the client passes on.

import { spawn } from "node:child_process";

type Json = Record<string, unknown>;

const session = "01936f8a-7b2c-7000-8000-000000000001";
const scenario = process.argv[process.argv.indexOf("--instance") + 1] ?? "";

const METHODS = [
  "initialized", "initialize", "session/create", "session/list", "session/read",
  "session/history", "session/archive", "session/external_event",
  "session/inject_context", "session/stream_open", "session/stream_close",
  "turn/start", "turn/interrupt", "config/get", "config/set", "config/patch",
  "capabilities/get", "models/catalog", "input/state",
];
const MOB = [
  "mob/create", "mob/list", "mob/status", "mob/spawn", "mob/respawn", "mob/member_send",
  "mob/wire", "mob/members", "mob/flow_status", "mob/stream_open", "mob/stream_close",
  "skills/list", "comms/send", "comms/peers",
];

const raw = (text: string) => process.stdout.write(text);
const say = (message: Json) => raw(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

function event(type: string, members: Json = {}, id = session): void {
  say({ method: "session/event", params: { session_id: id, event: { type, ...members } } });
}

function run(text = "", id = session): Json {
  return {
    session_id: id, session_ref: `r:${id}`, text, turns: 1, tool_calls: 0,
    usage: { input_tokens: 3, output_tokens: 5, total_tokens: 8 },
  };
}

const fail = (code: number, message: string, data?: unknown): never => {
  throw { code, message, ...(data === undefined ? {} : { data }) };
};

let asked = 0;
const waiting = new Map<string, (answer: Json) => void>();
function ask(method: string, params: Json): Promise<Json> {
  const id = `srv-${asked++}`;
  say({ id, method, params });
  return new Promise((resolve) => waiting.set(id, resolve));
}

type Handler = (params: Json, id: unknown) => unknown;
const echo: Handler = (params) => ({ ...run("echo"), structured_output: params });

const common: Record<string, Handler> = {
  "initialize": () => ({
    server_info: { name: "fake", version: "0" }, contract_version: "0.5.9", methods: METHODS,
  }),
  "capabilities/get": () => ({
    contract_version: { major: 0, minor: 5, patch: 9 },
    capabilities: [
      { id: "sessions", description: "s", status: "Available" },
      { id: "shell", description: "x", status: { DisabledByPolicy: { description: "no" } } },
    ],
  }),
  "tools/register": (params) => ({ registered: (params["tools"] as Json[]).length }),
  "session/create": echo,
  "turn/start": echo,
  "session/list": () => ({ sessions: [{ session_id: session, created_at: 0, labels: { myKey: "v" } }] }),
};

let second: unknown;
const scenarios: Record<string, Record<string, Handler>> = {
  old: { "initialize": () => ({ contract_version: "0.4.6", methods: METHODS }) },
  silent: { "initialize": () => undefined },
  deaf: { "session/list": () => undefined },
  arguments: { "session/list": () => ({ sessions: [{ session_id: process.argv.slice(2).join(" ") }] }) },
  garbage: {
    "turn/start": async (_, id) => {
      raw("warning: not for you\n\n[]\n7\nnull\n\"x\"\n{\"half\":\n");
      raw('{"jsonrpc":"2.0","id":9999,"result":{}}\n{"jsonrpc":"2.0","id":null,"error":{}}\n');
      raw('{"jsonrpc":"2.0","method":"session/event","params":{"session_id":7,"event":[]}}\n');
      raw('{"jsonrpc":"2.0","method":"session/event"}\n');
      const line = JSON.stringify({ jsonrpc: "2.0", id, result: run("grüße \u2028 😀") }) + "\r\n";
      for (const byte of Buffer.from(line)) {
        process.stdout.write(new Uint8Array([byte]));
        if (byte > 127) await pause(1);
      }
    },
  },
  events: {
    "turn/start": () => {
      event("from_the_future", { x: 1 });
      event("turn_completed");
      event("hook_denied", { hook_id: "h", point: "turn_boundary", payload: { type: "mine" } });
      const inner = { type: "text_delta", delta: "in" };
      const envelope = { event_id: "e", source_id: "s", seq: 4, timestamp_ms: 1 };
      say({ method: "session/event", params: { session_id: session, event: { ...envelope, payload: inner } } });
      say({ method: "session/event", params: { session_id: session, event: { ...envelope, payload: inner, ...inner } } });
      event("tool_config_changed", { payload: { operation: "add", target: "t", status: "applied", persisted: true, applied_at_turn: 2 } });
      event("text_delta", { delta: "other" }, "another-session");
      event("run_completed", { session_id: session, result: "in", usage: { input_tokens: 1, cache_read_tokens: 2 } });
      return run("inin");
    },
  },
  dies: {
    "turn/start": async () => {
      event("text_delta", { delta: "so far" });
      await pause(20);
      process.stderr.write("out of luck\n");
      process.exit(7);
    },
    "session/stream_open": () => ({ stream_id: "s1", session_id: session, opened: true }),
  },
  lingers: {
    "turn/start": () => {
      spawn("sleep", ["20"], { stdio: "inherit" });
      process.exit(3);
    },
  },
  flood: {
    "turn/start": () => {
      for (let i = 0; i < 40000; i++) event("text_delta", { delta: "0123456789"[i % 10] });
      for (let i = 0; i < 40000; i++) event(i % 2 ? "tool_execution_started" : "text_delta");
      event("run_completed");
      return run("flooded");
    },
    "session/stream_open": () => {
      void pause(20).then(() => {
        for (let i = 1; i <= 20000; i++) streamEvent("s1", i, { type: "text_delta", delta: "x" });
      });
      return { stream_id: "s1", session_id: session, opened: true };
    },
    "session/stream_close": () => ({ closed: true }),
  },
  birth: {
    "session/create": async (params) => {
      if (params["prompt"] === "fails") return fail(-32010, "no model");
      const id = `id-${String(params["comms_name"] ?? "only")}`;
      const turns = params["comms_name"] === "b" ? 60 : 20;
      event("run_started", { session_id: id, prompt: params["prompt"] }, id);
      event("text_delta", { delta: id }, id);
      await pause(turns);
      event("run_completed", {}, id);
      return run(id, id);
    },
  },
  queue: {
    "turn/start": async (params, id) => {
      if (second === undefined) {
        second = id;
        event("text_delta", { delta: "one" });
        await pause(30);
        event("run_completed");
        return run("1");
      }
      await pause(60);
      event("text_delta", { delta: "two" });
      event("run_completed");
      return run(`2 ${params["prompt"]}`);
    },
  },
  late: {
    "turn/start": (_, id) => {
      say({ id, result: run("late") });
      event("text_delta", { delta: "la" });
      setTimeout(() => event("text_delta", { delta: "te" }), 5);
      setTimeout(() => event("run_completed"), 10);
    },
  },
  errors: {
    "session/read": (params) => {
      switch (params["session_id"]) {
        case "gone": return fail(-32001, "Session not found: gone");
        case "skill": return fail(-32022, "no such skill");
        case "method": return fail(-32601, "Method not found");
        case "data": return fail(-32603, "plain", { code: "peer_unreachable", message: "better", reason: "offline" });
        case "hint": return fail(-32020, "x", { capability_hint: { capability_id: "comms", message: "turn it on" } });
        case "new": return fail(-32099, "{\"code\":\"no\"}");
        default: return { session_id: "x", created_at: 1700000000, model: "m" };
      }
    },
    "session/create": () => fail(-32011, "budget"),
    "turn/start": () => ({ text: "a result without a session" }),
    "session/history": (params) => ({
      session_id: session, message_count: 4, offset: params["offset"], has_more: false,
      messages: [
        { role: "system_notice", kind: "generic", body: "mind" },
        { role: "user", content: [{ type: "text", text: "hi" }] },
        { role: "block_assistant", blocks: [{ block_type: "tool_use", data: { id: "t", name: "n", args: { some_key: 1 } } }], stop_reason: "tool_use" },
        { role: "tool_results", results: [{ tool_use_id: "t", content: "ok", is_error: false }] },
      ],
    }),
    "input/state": () => null,
  },
  tools: {
    "turn/start": async () => {
      const call = (name: string) => ask("tool/execute", { tool_use_id: "t", name, arguments: { a: 2 } });
      const answers = await Promise.all([call("double"), call("throws"), call("nobody"), call("calls"), ask("other/thing", {})]);
      return { ...run("done"), structured_output: answers };
    },
    "session/list": () => ({ sessions: [{}, {}] }),
  },
  streams: {
    "session/stream_open": () => {
      streamEvent("s1", 1, { type: "turn_started", turn_number: 0 });
      setTimeout(() => streamEvent("s1", 2, { type: "text_delta", delta: "x" }), 20);
      return { stream_id: "s1", session_id: session, opened: true };
    },
    "session/stream_close": () => {
      say({ method: "session/stream_end", params: { stream_id: "s1", ended: true, outcome: "explicit_close" } });
      return { stream_id: "s1", closed: true, already_closed: false };
    },
    "turn/interrupt": () => {
      say({ method: "session/stream_end", params: { stream_id: "s1", ended: true, outcome: "terminal_error", error: { code: "stream_queue_overflow", message: "over" } } });
      return { interrupted: true };
    },
    "session/archive": () => {
      say({ method: "session/stream_end", params: { stream_id: "s1", ended: true, outcome: "remote_end" } });
      return { archived: true };
    },
  },
  mobs: {
    "initialize": () => ({ contract_version: "0.5.2", methods: [...METHODS, ...MOB] }),
    "mob/create": (params) => ({ mob_id: JSON.stringify(params) }),
    "mob/list": () => ({ mobs: [{ mob_id: "m", status: "Running" }] }),
    "mob/status": () => ({ mob_id: "m", status: { Running: {} } }),
    "mob/spawn": (params) => ({ mob_id: "m", meerkat_id: "a", member_ref: { kind: "session", session_id: JSON.stringify(params) }, session_id: "s" }),
    "mob/respawn": () => ({ status: "completed", receipt: { member_id: "a", old_session_id: "o", new_session_id: null } }),
    "mob/member_send": (params) => ({ mob_id: "m", member_id: JSON.stringify(params), session_id: "s", handling_mode: "queue" }),
    "mob/wire": (params) => params["peer"] ? { wired: true } : fail(-32602, "peer"),
    "mob/members": () => ({ members: [{ meerkat_id: "a", profile_name: "p", wired_to: ["b"], is_final: false, status: "active" }] }),
    "mob/flow_status": () => ({ run: null }),
    "mob/stream_open": (params) => {
      const envelope = { event_id: "e", source_id: "s", seq: 1, timestamp_ms: 1, payload: { type: "text_delta", delta: "x" } };
      const id = params["member_id"] ? "member" : "all";
      const told = params["member_id"] ? envelope : { source: "a", profile: "p", envelope };
      say({ method: "mob/stream_event", params: { stream_id: id, sequence: 1, event: told } });
      return { stream_id: id, opened: true };
    },
    "mob/stream_close": () => ({ closed: true }),
    "comms/send": (params) => ({ kind: "peer_message_sent", envelope_id: JSON.stringify(params), acked: true }),
    "comms/peers": () => ({ peers: [{ name: "b", peer_id: "p", sendable_kinds: ["peer_message"], capabilities: { raw_key: 1 } }] }),
  },
};

function streamEvent(id: string, sequence: number, payload: Json): void {
  const event = { event_id: `e${sequence}`, source_id: "s", seq: sequence, timestamp_ms: 1, payload };
  say({ method: "session/stream_event", params: { stream_id: id, sequence, session_id: session, event } });
}

async function answer(message: Json): Promise<void> {
  const { id, method, params } = message as { id: unknown; method?: string; params?: Json };
  if (method === undefined) {
    waiting.get(String(id))?.((message["result"] ?? message["error"]) as Json);
    return;
  }
  const handler = scenarios[scenario]?.[method] ?? common[method];
  try {
    if (!handler) fail(-32601, `Method not found: ${method}`);
    const result = await handler?.(params ?? {}, id);
    if (result !== undefined) say({ id, result });
  } catch (error) {
    say({ id, error });
  }
}

if (scenario === "stubborn") {
  process.on("SIGTERM", () => undefined);
  setInterval(() => undefined, 1000);
}
let rest = "";
process.stdin.setEncoding("utf8");
for await (const chunk of process.stdin) {
  const lines = (rest + String(chunk)).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) void answer(JSON.parse(line) as Json);
}
if (scenario !== "stubborn") process.exit(0);
