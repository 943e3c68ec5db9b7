import { accessSync, constants, statSync } from "node:fs";
import { basename, delimiter, join } from "node:path";
import { env } from "node:process";

import { MeerkatError } from "./errors.js";
import type { ConnectOptions } from "./types.js";

function runnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function onPath(name: string): string | undefined {
  return (env["PATH"] ?? "")
    .split(delimiter)
    .map((dir) => join(dir || ".", name))
    .find(runnable);
}

/**
 * The program to start: MEERKAT_BIN_PATH, then what the caller asked for, then
 * `rkat rpc`.  Nothing is ever downloaded.
 */
export function findProgram(wanted: string): [program: string, first: string[]] {
  const asked = env["MEERKAT_BIN_PATH"] || wanted;
  const path = asked.includes("/")
    ? runnable(asked) ? asked : undefined
    : onPath(asked) ?? (asked === "rkat-rpc" ? onPath("rkat") : undefined);
  if (path === undefined) {
    throw new MeerkatError(
      "BINARY_NOT_FOUND",
      `cannot run '${asked}': put rkat-rpc on PATH, set MEERKAT_BIN_PATH, ` +
        "or pass its path to new MeerkatClient()",
    );
  }
  return [path, basename(path) === "rkat" ? ["rpc"] : []];
}

export function serverArguments(options: ConnectOptions): string[] {
  if (options.isolated && options.realmId !== undefined) {
    throw new MeerkatError("INVALID_PARAMS", "realmId and isolated exclude each other");
  }
  const flags: [string, string | undefined][] = [
    ["--realm", options.realmId],
    ["--instance", options.instanceId],
    ["--realm-backend", options.realmBackend],
    ["--state-root", options.stateRoot],
    ["--context-root", options.contextRoot],
    ["--user-config-root", options.userConfigRoot],
  ];
  return [
    ...(options.isolated ? ["--isolated"] : []),
    ...flags.flatMap(([flag, value]) => (value === undefined ? [] : [flag, value])),
  ];
}
