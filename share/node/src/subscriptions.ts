import { MeerkatError } from "./errors.js";
import { needed } from "./results.js";
import { EventSubscription } from "./stream.js";
import { isObject, object, text, type Json } from "./wire.js";

interface Server {
  call(method: string, params: Json): Promise<unknown>;
  hold(): void;
  release(): void;
}

interface Open {
  event(raw: Json): void;
  end(params: Json): void;
  lost(error: MeerkatError): void;
}

/** The streams that were opened, by their ids. */
export class Subscriptions {
  readonly #server: Server;
  readonly #open = new Map<string, Open>();
  /** Streams may speak before the reply that names them. */
  readonly #early = new Map<string, [method: string, params: Json][]>();
  #opening = 0;

  constructor(server: Server) {
    this.#server = server;
  }

  async open<E>(
    surface: "session" | "mob",
    params: Json,
    parse: (raw: Json) => E,
  ): Promise<EventSubscription<E>> {
    this.#opening++;
    try {
      const result = object(await this.#server.call(`${surface}/stream_open`, params));
      const id = needed(result, "stream_id");
      const stream = new EventSubscription<E>(id, {
        hold: () => this.#server.hold(),
        release: () => this.#server.release(),
        unsubscribe: async () => {
          this.#open.delete(id);
          await this.#server.call(`${surface}/stream_close`, { stream_id: id });
        },
      });
      this.#open.set(id, {
        event: (raw) => stream.push(parse(raw)),
        end: (end) => stream.finish(text(end["outcome"]) || "remote_end", failure(end)),
        lost: (error) => stream.finish("connection_lost", error),
      });
      for (const [method, said] of this.#early.get(id) ?? []) this.notified(method, said);
      return stream;
    } finally {
      if (--this.#opening === 0) this.#early.clear();
    }
  }

  notified(method: string, params: Json): void {
    const id = text(params["stream_id"]);
    const stream = this.#open.get(id);
    if (!stream) {
      if (this.#opening === 0) return;
      const said = this.#early.get(id) ?? [];
      this.#early.set(id, said);
      said.push([method, params]);
    } else if (method.endsWith("/stream_end")) {
      this.#open.delete(id);
      stream.end(params);
    } else {
      const event = params["event"];
      if (isObject(event)) stream.event(event);
    }
  }

  lost(error: MeerkatError): void {
    for (const stream of this.#open.values()) stream.lost(error);
    this.#open.clear();
  }
}

function failure(end: Json): MeerkatError | undefined {
  if (end["outcome"] !== "terminal_error") return undefined;
  const error = object(end["error"]);
  const message = text(error["message"]) || "the stream ended with an error";
  return new MeerkatError(text(error["code"]) || "STREAM_ERROR", message);
}
