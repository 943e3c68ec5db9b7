// JSON-RPC in lines over the pipes of a child process.

import { spawn, type ChildProcess } from "node:child_process";

import { fromWire, MeerkatError } from "./errors.js";
import { isObject, number, object, type Json } from "./wire.js";

/** A line that grows longer than this is no protocol any more. */
const MAX_LINE = 128 * 1024 * 1024;
/** How much of the server's last words an error quotes. */
const MAX_WORDS = 2048;
/** How long a dead server's output may keep coming. */
const LAST_WORDS_MS = 500;
/** From SIGTERM to SIGKILL. */
const GRACE_MS = 5000;

interface Pending {
  resolve(result: unknown): void;
  reject(error: MeerkatError): void;
  timer: { unref(): void } | undefined;
}

export interface Listener {
  notified(method: string, params: Json): void;
  /** A request of the server: its result, or undefined if there is no such method. */
  asked(method: string, params: Json): Promise<Json | undefined>;
  ended(error: MeerkatError): void;
}

export class Connection {
  readonly #child: ChildProcess;
  readonly #listener: Listener;
  readonly #pending = new Map<number, Pending>();
  readonly #gone: Promise<void>;
  #lastId = 0;
  #line: string[] = [];
  #length = 0;
  #words = "";
  #holds = 0;
  #end: MeerkatError | undefined;

  constructor(program: string, args: readonly string[], listener: Listener) {
    this.#listener = listener;
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    const { stdin, stdout, stderr } = this.#child;
    this.#gone = new Promise((resolve) => {
      const gone = (why: string) => {
        this.#finish("CONNECTION_CLOSED", why);
        for (const pipe of [stdin, stdout, stderr]) pipe.destroy();
        resolve();
      };
      this.#child.once("error", (cause) => gone(`cannot start the server: ${cause.message}`));
      // "close" comes when all that was said is read, and not at all while a child
      // of the server keeps its pipes open.
      this.#child.once("exit", (status, signal) => {
        const how = signal ? `signal ${signal}` : `status ${status}`;
        const end = () => {
          clearTimeout(patience);
          const words = this.#words.trim();
          gone(`the server ended with ${how}${words && ": " + words}`);
        };
        const patience = setTimeout(end, LAST_WORDS_MS);
        this.#child.once("close", end);
      });
    });
    stdin.on("error", () => undefined); // told by "close"
    stdout.setEncoding("utf8");
    stdout.on("data", (chunk) => this.#read(chunk));
    stderr.setEncoding("utf8"); // read always: a full pipe would stop the server
    stderr.on("data", (chunk) => {
      this.#words = (this.#words + chunk).slice(-MAX_WORDS);
    });
    // An idle client does not keep the program alive; the server ends when its
    // input does.
    this.#child.unref();
    stdin.unref();
    stdout.unref();
    stderr.unref();
  }

  get end(): MeerkatError | undefined {
    return this.#end;
  }

  /** While held, the program waits for what the server says. */
  hold(): void {
    if (this.#holds++ > 0) return;
    this.#child.ref();
    this.#child.stdout.ref();
  }

  release(): void {
    if (--this.#holds > 0) return;
    this.#child.unref();
    this.#child.stdout.unref();
  }

  /** Without `timeoutMs` the answer may take as long as it takes. */
  async request(method: string, params: Json, timeoutMs?: number): Promise<unknown> {
    if (this.#end) throw this.#end;
    const id = ++this.#lastId;
    const line = JSON.stringify({ jsonrpc: "2.0", id, method, params }) + "\n";
    this.hold();
    const answer = new Promise<unknown>((resolve, reject) => {
      const late = () => {
        this.#pending.delete(id);
        reject(new MeerkatError("REQUEST_TIMEOUT", `no answer to ${method} within ${timeoutMs} ms`));
      };
      const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
    });
    this.#child.stdin.write(line);
    return answer.finally(() => this.release());
  }

  /** End the server: it is asked to, and killed if it does not in 5 s. */
  async close(): Promise<void> {
    this.#finish("CLIENT_CLOSED", "the client was closed");
    this.hold();
    this.#child.stdin.end();
    this.#child.kill("SIGTERM");
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), GRACE_MS);
    await this.#gone;
    clearTimeout(kill);
  }

  #reply(id: unknown, answer: Json): void {
    if (this.#end) return;
    this.#child.stdin.write(JSON.stringify({ jsonrpc: "2.0", id, ...answer }) + "\n");
  }

  #finish(code: string, message: string): void {
    if (this.#end) return;
    const error = new MeerkatError(code, message);
    this.#end = error;
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#pending.clear();
    this.#listener.ended(error);
  }

  #read(chunk: string): void {
    const [head = "", ...rest] = chunk.split("\n");
    this.#line.push(head);
    this.#length += head.length;
    for (const next of rest) {
      this.#heard(this.#line.join(""));
      this.#line = [next];
      this.#length = next.length;
    }
    if (this.#length > MAX_LINE) {
      this.#line = [];
      this.#length = 0;
      this.#finish("PROTOCOL_ERROR", `the server sent a line of over ${MAX_LINE} characters`);
      this.#child.kill("SIGKILL");
    }
  }

  #heard(line: string): void {
    if (this.#end) return;
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return; // not ours: something that the server runs wrote it
    }
    if (!isObject(message)) return;
    const method = message["method"];
    const id = message["id"];
    if (typeof method !== "string") this.#answered(id, message);
    else if (id === undefined || id === null) {
      this.#listener.notified(method, object(message["params"]));
    } else void this.#serve(id, method, object(message["params"]));
  }

  #answered(id: unknown, message: Json): void {
    const pending = this.#pending.get(number(id));
    if (!pending) return;
    this.#pending.delete(number(id));
    clearTimeout(pending.timer);
    const error = message["error"];
    if (error !== undefined && error !== null) pending.reject(fromWire(error));
    else pending.resolve(message["result"]);
  }

  async #serve(id: unknown, method: string, params: Json): Promise<void> {
    this.hold();
    try {
      const result = await this.#listener.asked(method, params);
      const error = { code: -32601, message: `Method not supported: ${method}` };
      this.#reply(id, result ? { result } : { error });
    } finally {
      this.release();
    }
  }
}

