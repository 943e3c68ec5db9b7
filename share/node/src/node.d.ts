// The few parts of Node that this package uses, so that building it needs
// nothing but the compiler.  Not published: no exported type refers to it.

declare function setTimeout(run: () => void, ms: number): { unref(): void };
declare function clearTimeout(timer: { unref(): void } | undefined): void;

declare module "node:child_process" {
  export interface Pipe {
    setEncoding(encoding: "utf8"): void;
    on(event: "data", heard: (text: string) => void): void;
    on(event: "error", heard: (cause: Error) => void): void;
    write(text: string): boolean;
    end(): void;
    destroy(): void;
    ref(): void;
    unref(): void;
  }
  export interface ChildProcess {
    readonly stdin: Pipe;
    readonly stdout: Pipe;
    readonly stderr: Pipe;
    kill(signal: "SIGTERM" | "SIGKILL"): boolean;
    ref(): void;
    unref(): void;
    once(event: "error", heard: (cause: Error) => void): void;
    once(
      event: "close" | "exit",
      heard: (status: number | null, signal: string | null) => void,
    ): void;
  }
  export function spawn(
    program: string,
    args: readonly string[],
    options: { stdio: ["pipe", "pipe", "pipe"] },
  ): ChildProcess;
}

declare module "node:fs" {
  export const constants: { readonly X_OK: number };
  export function accessSync(path: string, mode: number): void;
  export function statSync(path: string): { isFile(): boolean };
}

declare module "node:path" {
  export const delimiter: string;
  export function basename(path: string): string;
  export function join(...parts: string[]): string;
}

declare module "node:process" {
  export const env: Readonly<Record<string, string | undefined>>;
  export function emitWarning(
    text: string,
    options: { type: string; code: string },
  ): void;
}
