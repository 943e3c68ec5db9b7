export interface CapabilityHint {
  readonly capability_id: string;
  readonly message: string;
}

/** The base of everything that this package throws. */
export class MeerkatError extends Error {
  /** A name such as `SESSION_NOT_FOUND` or `CLIENT_CLOSED`. */
  readonly code: string;
  readonly details?: unknown;
  readonly capabilityHint?: CapabilityHint;

  constructor(
    code: string,
    message: string,
    details?: unknown,
    capabilityHint?: CapabilityHint,
  ) {
    super(message);
    this.name = new.target.name;
    this.code = code;
    if (details !== undefined) this.details = details;
    if (capabilityHint !== undefined) this.capabilityHint = capabilityHint;
  }
}

/** The server lacks, or was told not to offer, what the call needs. */
export class CapabilityUnavailableError extends MeerkatError {}

export class SessionNotFoundError extends MeerkatError {}

export class SkillNotFoundError extends MeerkatError {}

/** The codes of the contract by their JSON-RPC numbers. */
const NAMES: Readonly<Record<number, string>> = {
  [-32700]: "PARSE_ERROR",
  [-32600]: "INVALID_REQUEST",
  [-32601]: "METHOD_NOT_FOUND",
  [-32602]: "INVALID_PARAMS",
  [-32603]: "INTERNAL_ERROR",
  [-32001]: "SESSION_NOT_FOUND",
  [-32002]: "SESSION_BUSY",
  [-32003]: "SESSION_NOT_RUNNING",
  [-32004]: "DUPLICATE_INPUT",
  [-32005]: "REQUEST_CANCELLED",
  [-32010]: "PROVIDER_ERROR",
  [-32011]: "BUDGET_EXHAUSTED",
  [-32012]: "HOOK_DENIED",
  [-32013]: "AGENT_ERROR",
  [-32020]: "CAPABILITY_UNAVAILABLE",
  [-32021]: "SKILL_NOT_FOUND",
  [-32022]: "SKILL_RESOLUTION_FAILED",
  [-32023]: "SCHEDULE_NOT_FOUND",
};

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : undefined;
}

function hint(value: unknown): CapabilityHint | undefined {
  const h = fields(value);
  return h && typeof h["capability_id"] === "string"
    ? { capability_id: h["capability_id"], message: String(h["message"] ?? "") }
    : undefined;
}

/** The `error` member of a reply as an exception. */
export function fromWire(error: unknown): MeerkatError {
  const e = fields(error) ?? {};
  const data = fields(e["data"]);
  const number = e["code"];
  const named = typeof number === "number" ? NAMES[number] : undefined;
  const code = String(data?.["code"] ?? named ?? number ?? "INTERNAL_ERROR");
  const message = String(data?.["message"] ?? e["message"] ?? "unknown error");
  const details = data?.["details"] ?? data?.["reason"] ?? e["data"];
  const capability = hint(data?.["capability_hint"]);
  switch (code) {
    case "SESSION_NOT_FOUND":
      return new SessionNotFoundError(code, message, details);
    case "SKILL_NOT_FOUND":
    case "SKILL_RESOLUTION_FAILED":
      return new SkillNotFoundError(code, message, details);
    case "METHOD_NOT_FOUND":
    case "CAPABILITY_UNAVAILABLE":
      return new CapabilityUnavailableError(
        "CAPABILITY_UNAVAILABLE", message, details, capability);
    default:
      return new MeerkatError(code, message, details, capability);
  }
}
