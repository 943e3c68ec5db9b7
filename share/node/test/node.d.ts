// The parts of Node that the tests and the examples use.

declare const process: {
  readonly argv: string[];
  readonly env: Record<string, string | undefined>;
  readonly execPath: string;
  exitCode: number;
  exit(status?: number): never;
  on(event: string, heard: () => void): void;
  readonly stdin: AsyncIterable<unknown> & { setEncoding(encoding: "utf8"): void };
  readonly stdout: { write(text: string | Uint8Array): boolean };
  readonly stderr: { write(text: string): boolean };
};
declare const console: { log(...values: unknown[]): void; error(...values: unknown[]): void };
declare function setTimeout(run: () => void, ms: number): unknown;
declare function setInterval(run: () => void, ms: number): unknown;
declare const Buffer: { from(text: string, encoding?: string): Uint8Array & { toString(encoding: string): string } };

declare module "node:test" {
  export function test(name: string, run: () => void | Promise<void>): Promise<void>;
  export function before(run: () => void | Promise<void>): void;
  export function after(run: () => void | Promise<void>): void;
}
declare module "node:assert/strict" {
  type Expected = Record<string, unknown> | ((error: unknown) => boolean);
  interface Assert {
    (value: unknown, message?: string): asserts value;
    equal<T>(got: unknown, want: T, message?: string): void;
    deepEqual(got: unknown, want: unknown, message?: string): void;
    match(got: string, want: RegExp): void;
    throws(run: () => unknown, want?: Expected): void;
    rejects(run: Promise<unknown> | (() => Promise<unknown>), want?: Expected): Promise<void>;
  }
  const assert: Assert;
  export default assert;
}
declare module "node:fs" {
  export function mkdtempSync(prefix: string): string;
  export function writeFileSync(path: string, text: string, options?: { mode: number }): void;
  export function rmSync(path: string, options: { recursive: boolean; force: boolean }): void;
  export function readFileSync(path: string | URL): { toString(encoding: "base64" | "utf8"): string };
}
declare module "node:os" {
  export function tmpdir(): string;
}
declare module "node:path" {
  export function join(...parts: string[]): string;
}
declare module "node:url" {
  export function fileURLToPath(url: string | URL): string;
}
declare module "node:child_process" {
  export function spawn(program: string, args: readonly string[], options: { stdio: "inherit" }): void;
  export function spawnSync(
    program: string, args: readonly string[], options: { encoding: "utf8"; timeout: number },
  ): { status: number | null; signal: string | null; stdout: string; stderr: string };
}
interface ImportMeta { readonly url: string }
declare class URL { constructor(path: string, base: string); readonly href: string }
