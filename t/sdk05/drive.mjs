// Drives rkat-rpc by the rules of the TypeScript client of contract 0.5 (rpc.md sections
// 12 and 13), which no registry has to give: what it sends, what it reads, when it stops.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import test from "node:test";

const NOBODY = "019a0000-0000-7000-8000-000000000000";
const CONTRACT = [0, 5];

class Failure extends Error {
	// An object as data overrides code and message; only without one is the text looked at.
	constructor(error) {
		let data = error.data;
		if (typeof data !== "object" || data === null) {
			try {
				data = JSON.parse(error.message);
			} catch {
				data = undefined;
			}
			if (typeof data !== "object") data = undefined;
		}
		super(data?.message ?? error.message);
		this.code = String(data?.code ?? error.code);
		this.details = data?.details ?? data?.reason ?? error.data;
	}
}

// A queue that is waited at.
class Queue {
	items = [];
	wake = () => {};
	push(item) {
		this.items.push(item);
		this.wake();
	}
	// The next item; undefined after so many ms of silence, or when `other` is settled.
	async next(ms, other) {
		if (this.items.length > 0) return this.items.shift();
		let timer;
		const waits = [new Promise((done) => (this.wake = done))];
		if (ms !== undefined) waits.push(new Promise((done) => (timer = setTimeout(done, ms))));
		if (other !== undefined) waits.push(other.catch(() => {}));
		await Promise.race(waits);
		clearTimeout(timer);
		return this.items.shift();
	}
}

class Client {
	last = 0;
	waiting = new Map();
	sessions = new Map(); // session id -> Queue
	streams = new Map(); // stream id -> Queue
	early = new Map(); // what came before its queue
	creating = undefined;
	tools = new Map();
	bad = []; // lines that are not JSON

	async connect(args = []) {
		this.child = spawn(process.env.MEERKAT_BIN_PATH ?? "rkat-rpc", args, { stdio: "pipe" });
		this.exit = new Promise((done) => this.child.on("exit", (code, signal) => done({ code, signal })));
		createInterface({ input: this.child.stdout }).on("line", (line) => this.read(line));
		const hello = await this.call("initialize");
		assert.equal(typeof hello.contract_version, "string");
		const [major, minor] = hello.contract_version.split(".").map(Number);
		assert.deepEqual([major, minor], CONTRACT);
		this.methods = hello.methods;
		const { capabilities } = await this.call("capabilities/get");
		this.capabilities = new Map(capabilities.map(({ id, status }) => [
			id, typeof status === "string" ? status : Object.keys(status)[0]]));
		if (this.tools.size > 0) await this.register([...this.tools.keys()]);
		return this;
	}

	register(names) {
		return this.call("tools/register", { tools: names.map((name) => ({
			name, description: `Tool: ${name}`, input_schema: { type: "object" } })) });
	}

	// Undefined members are dropped by JSON.stringify, as the client relies on.
	call(method, params = {}) {
		const id = ++this.last;
		this.child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
		return new Promise((good, bad) => this.waiting.set(id, { good, bad }));
	}

	read(line) {
		let message;
		try {
			message = JSON.parse(line);
		} catch {
			this.bad.push(line);
			return;
		}
		if (message.id !== undefined && message.method !== undefined) void this.serve(message);
		else if (message.id !== undefined) this.reply(message);
		else this.notify(message.method, message.params);
	}

	reply({ id, error, result }) {
		if (typeof id !== "number") return; // others are ignored
		const { good, bad } = this.waiting.get(id);
		this.waiting.delete(id);
		if (error) {
			bad(new Failure(error));
			return;
		}
		if (this.creating?.id === id) {
			for (const event of this.early.get(result.session_id) ?? []) this.creating.queue.push(event);
			this.sessions.set(result.session_id, this.creating.queue);
			this.creating = undefined;
		}
		good(result ?? {});
	}

	notify(method, params) {
		if (/^(session|mob)\/stream_(event|end)$/.test(method)) {
			const item = method.endsWith("_end") ? { end: params } : params;
			const queue = this.streams.get(params.stream_id);
			if (queue) queue.push(item);
			else this.keep(params.stream_id, item);
			return;
		}
		const queue = this.sessions.get(params.session_id);
		if (queue) queue.push(params.event);
		else if (this.creating) this.keep(params.session_id, params.event);
	}

	keep(id, item) {
		this.early.set(id, [...(this.early.get(id) ?? []), item]);
	}

	async serve({ id, method, params }) {
		const tool = method === "tool/execute" ? this.tools.get(params.name) : undefined;
		let result;
		try {
			result = tool
				? { content: String(await tool(params.arguments)), is_error: false }
				: { content: `Unknown tool: ${params.name}`, is_error: true };
		} catch (e) {
			result = { content: `Tool error: ${e.message}`, is_error: true };
		}
		this.child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
	}

	// The events of a turn: until its reply, then until 75 ms are silent.
	async stream(method, params) {
		const queue = new Queue();
		const reply = this.call(method, params);
		if (params.session_id) this.sessions.set(params.session_id, queue);
		else this.creating = { id: this.last, queue };
		const events = [];
		let done = false;
		reply.then(() => (done = true), () => (done = true));
		for (;;) {
			const event = done ? await queue.next(75) : await queue.next(undefined, reply);
			if (event !== undefined) events.push(event);
			else if (done) break;
		}
		this.sessions.delete(params.session_id);
		return { events, reply };
	}

	async subscribe(session_id) {
		const { stream_id } = await this.call("session/stream_open", { session_id });
		assert.ok(stream_id);
		const queue = new Queue();
		for (const item of this.early.get(stream_id) ?? []) queue.push(item);
		this.streams.set(stream_id, queue);
		return { stream_id, queue };
	}

	// SIGTERM, and no wait.
	close() {
		this.child.kill("SIGTERM");
		return this.exit;
	}
}

// Events as stream() reads them: members at the top level.
const text = (events) => events.filter((e) => e.type === "text_delta").map((e) => e.delta).join("");
const kinds = (events) => events.map((e) => e.type).filter((type) => type !== "text_delta");
const PLAIN = ["run_started", "turn_started", "text_complete", "turn_completed", "run_completed"];

function drive(name, work, before = () => {}) {
	test(name, { timeout: 30000 }, async () => {
		const client = new Client();
		before(client);
		try {
			await client.connect(["--isolated"]);
			await work(client);
			assert.deepEqual(client.bad, []);
		} finally {
			assert.deepEqual(await client.close(), { code: 0, signal: null });
		}
	});
}

drive("handshake", async (client) => {
	assert.equal(client.methods[0], "initialized");
	assert.equal(client.capabilities.get("sessions"), "Available");
});

drive("create, turn, history, list, read, archive", async (client) => {
	const made = await client.call("session/create", { prompt: "hello", model: undefined, labels: { a: "b" } });
	const { session_id } = made;
	assert.equal(made.session_ref.split(":")[1], session_id);
	assert.deepEqual([made.text, made.turns, made.tool_calls], ["You said: hello", 1, 0]);
	assert.equal(made.usage.total_tokens, made.usage.input_tokens + made.usage.output_tokens);
	assert.equal((await client.call("turn/start", { session_id, prompt: "again" })).text, "You said: again");
	const history = await client.call("session/history", { session_id, offset: 1, limit: 2 });
	assert.deepEqual(history.messages.map(({ role }) => role), ["user", "block_assistant"]);
	assert.equal(history.has_more, true);
	const { sessions } = await client.call("session/list", { labels: { a: "b" } });
	assert.deepEqual(sessions.map((one) => one.session_id), [session_id]);
	assert.equal(typeof sessions[0].created_at, "number");
	const read = await client.call("session/read", { session_id });
	assert.deepEqual([read.message_count, read.last_assistant_text], [5, "You said: again"]);
	assert.deepEqual(await client.call("session/archive", { session_id }), { archived: true });
	await assert.rejects(client.call("session/archive", { session_id }), { code: "-32001" });
});

drive("streams end at the reply and lose nothing", async (client) => {
	const created = await client.stream("session/create", { prompt: "stream it" });
	const { session_id } = await created.reply;
	assert.deepEqual([text(created.events), kinds(created.events)], ["streamed in pieces", PLAIN]);
	const turn = await client.stream("turn/start", { session_id, prompt: "stream it" });
	assert.deepEqual([text(turn.events), kinds(turn.events)], ["streamed in pieces", PLAIN]);
	// The later generation reads the payload of the same envelope.
	assert.equal(text(turn.events.map(({ payload }) => payload)), "streamed in pieces");
	const broken = await client.stream("turn/start", { session_id, prompt: "broken" });
	assert.equal(broken.events.at(-1).type, "run_failed");
	await assert.rejects(broken.reply, /the model is out/);
});

drive("a deferred session takes what only its first turn may bring", async (client) => {
	const made = await client.call("session/create", { prompt: "first", initial_turn: "deferred" });
	assert.deepEqual(Object.keys(made).sort(), ["session_id", "session_ref"]);
	const { session_id } = made;
	const turn = await client.stream("turn/start", { session_id, prompt: "then", system_prompt: "Short.", max_tokens: 99 });
	assert.equal((await turn.reply).text, "You said: first\n\nthen");
	await assert.rejects(client.call("turn/start", { session_id, prompt: "x", max_tokens: 9 }), { code: "-32602" });
});

drive("subscriptions number their events and end", async (client) => {
	const { session_id } = await client.call("session/create", { prompt: "hello" });
	const { stream_id, queue } = await client.subscribe(session_id);
	await client.call("turn/start", { session_id, prompt: "stream it" });
	const seen = [];
	while (seen.at(-1)?.event.payload.type !== "run_completed") seen.push(await queue.next(5000));
	assert.deepEqual(seen.map(({ sequence }) => sequence), seen.map((_, n) => n + 1));
	assert.ok(seen.every(({ event }) => event.type === undefined && event.source_id === `session:${session_id}`));
	const closed = await client.call("session/stream_close", { stream_id });
	assert.equal(closed.already_closed, false);
	const last = await queue.next(5000);
	assert.deepEqual([last.end.outcome, last.end.ended], ["explicit_close", true]);
	assert.equal((await client.call("session/stream_close", { stream_id })).already_closed, true);
});

drive("interrupt, context, events from outside", async (client) => {
	const { session_id } = await client.call("session/create", { prompt: "hello" });
	const { queue } = await client.subscribe(session_id);
	const turn = client.call("turn/start", { session_id, prompt: "slow" });
	const failed = assert.rejects(turn);
	let item;
	do item = await queue.next(5000); while (item.event.payload.type !== "text_delta");
	assert.deepEqual(await client.call("turn/interrupt", { session_id }), { interrupted: true });
	await failed;
	assert.deepEqual(await client.call("session/inject_context", { session_id, text: "the deploy window" }), { status: "staged" });
	assert.equal((await client.call("turn/start", { session_id, prompt: "marker" })).text, "I know the window.");
	const outcome = await client.call("session/external_event", { session_id, payload: { body: "disk is full" }, source: "monitor" });
	assert.equal(outcome.outcome_type, "accepted");
	do item = await queue.next(5000);
	while (item.event.payload.type !== "run_started" || !item.event.payload.prompt.includes("disk is full"));
});

drive("callback tools, also while other calls are served", async (client) => {
	const { session_id } = await client.call("session/create", { prompt: "hello" });
	const turn = await client.stream("turn/start", { session_id, prompt: "use both" });
	assert.equal((await turn.reply).tool_calls, 2);
	assert.deepEqual(
		turn.events.filter(({ type }) => type === "tool_execution_completed").map((e) => [e.name, e.result, e.is_error]),
		[["search", "found in 1", false], ["fails", "Tool error: no way", true]]);
	// Registered later, seen at the next call of the model.
	client.tools.set("own", () => "mine");
	assert.deepEqual(await client.register(["own"]), { registered: 1 });
	assert.equal((await client.call("turn/start", { session_id, prompt: "use own" })).text, "The tool says: mine");
}, (client) => {
	client.tools.set("search", async () => `found in ${(await client.call("session/list")).sessions.length}`);
	client.tools.set("fails", () => { throw new Error("no way"); });
});

drive("config and models", async (client) => {
	const { generation } = await client.call("config/get");
	const after = await client.call("config/patch", { patch: { agent: { model: "gpt-5.4" } }, expected_generation: generation });
	assert.equal(after.generation, generation + 1);
	await assert.rejects(client.call("config/patch", { patch: {}, expected_generation: generation }), { code: "-32602" });
	await client.call("config/set", { config: after.config });
	const { providers, contract_version } = await client.call("models/catalog");
	assert.equal(contract_version.minor, 5);
	assert.ok(providers.length > 2);
});

drive("runtime and inputs", async (client) => {
	const { session_id } = await client.call("session/create", { prompt: "hello" });
	assert.equal(typeof (await client.call("runtime/state", { session_id })).state, "string");
	const input = { input_type: "prompt", text: "queued", header: {
		id: randomUUID(), timestamp: new Date().toISOString(), source: { type: "operator" }, durability: "durable",
		visibility: { transcript_eligible: true, operator_eligible: true }, idempotency_key: "once" } };
	const first = await client.call("runtime/accept", { session_id, input });
	assert.equal(first.outcome_type, "accepted");
	assert.equal((await client.call("runtime/accept", { session_id, input })).outcome_type, "deduplicated");
	const state = await client.call("input/state", { session_id, input_id: first.input_id });
	assert.equal(state.input_id, first.input_id);
	assert.deepEqual(await client.call("input/state", { session_id, input_id: randomUUID() }), {});
	assert.ok(Array.isArray((await client.call("input/list", { session_id })).input_ids));
	assert.equal(typeof (await client.call("runtime/reset", { session_id })).inputs_abandoned, "number");
	assert.equal(typeof (await client.call("runtime/retire", { session_id })).inputs_abandoned, "number");
});

drive("errors", async (client) => {
	await assert.rejects(client.call("session/read", { session_id: NOBODY }),
		{ code: "-32001", message: `Session not found: ${NOBODY}` });
	await assert.rejects(client.call("session/create", { prompt: "broken" }), /the model is out/);
	await assert.rejects(client.call("mob/create", { definition: {} }));
});

drive("calls that overtake each other, and an end with a turn running", async (client) => {
	const { session_id } = await client.call("session/create", { prompt: "hello" });
	const turns = ["one", "two", "three"].map((prompt) => client.call("turn/start", { session_id, prompt }));
	assert.deepEqual((await Promise.all(turns)).map((result) => result.text),
		["You said: one", "You said: two", "You said: three"]);
	client.call("turn/start", { session_id, prompt: "slow" }).catch(() => {});
	while (!(await client.call("session/read", { session_id })).is_active);
});
