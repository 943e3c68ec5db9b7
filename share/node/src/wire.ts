// Between the snake_case of the wire and the camelCase of this package.

export type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// Readers: a member that is missing or of another type becomes an empty value,
// so that a newer or a half-written message still arrives.
export const text = (v: unknown): string => (typeof v === "string" ? v : "");
export const number = (v: unknown): number => (typeof v === "number" ? v : 0);
export const flag = (v: unknown): boolean => v === true;
export const any = (v: unknown): unknown => v;
export const object = (v: unknown): Json => (isObject(v) ? v : {});
export const texts = (v: unknown): readonly string[] =>
  Array.isArray(v) ? v.map(String) : [];
export const objects = (v: unknown): readonly Json[] =>
  Array.isArray(v) ? v.filter(isObject) : [];
export const maybeText = (v: unknown): string | undefined =>
  typeof v === "string" ? v : undefined;
export const maybeNumber = (v: unknown): number | undefined =>
  typeof v === "number" ? v : undefined;

export function snake(name: string): string {
  return /^[a-z][A-Za-z0-9]*$/.test(name)
    ? name.replace(/[A-Z]/g, (c) => "_" + c.toLowerCase())
    : name;
}

export function camel(name: string): string {
  return name.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, c: string) => c.toUpperCase());
}

/** The same object without the members that are undefined. */
export function defined<T extends object>(
  from: T,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(from).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]: Exclude<T[K], undefined> };
}

// Members whose value is the user's and passes as it stands, and members that
// hold a map with keys of the user's choice.
const OPAQUE = new Set([
  "args", "arguments", "payload", "params", "params_schema", "provider_params",
  "output_schema", "input_schema", "schema", "context", "app_context", "result",
  "config_schema", "hooks_override", "capabilities", "persisted_input",
]);
const KEYED = new Set([
  "labels", "env", "headers", "shell_env", "profiles", "flows", "steps", "servers", "models",
  "mcp_servers", "base_urls", "api_keys", "roles", "external_peer_specs",
]);

function convert(value: unknown, name: (key: string) => string, keyed: boolean): unknown {
  if (Array.isArray(value)) return value.map((v) => convert(v, name, false));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, v]) => v !== undefined).map(([key, v]) => {
      const wire = snake(key);
      if (!keyed && OPAQUE.has(wire)) return [name(key), v];
      return [keyed ? key : name(key), convert(v, name, !keyed && KEYED.has(wire))];
    }),
  );
}

/** Names in snake_case, all the way down, but not in the user's own data. */
export const toWire = (value: object): Json => convert(value, snake, false) as Json;

/** Names in camelCase, all the way down, but not in the user's own data. */
export const fromJson = (value: unknown): unknown => convert(value, camel, false);
