// A client whose server plays a scenario of fake.ts.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

import { MeerkatClient, type ClientOptions } from "@rkat/sdk";

delete process.env["MEERKAT_BIN_PATH"];
const dir = mkdtempSync(join(tmpdir(), "rkat-node."));
after(() => rmSync(dir, { recursive: true, force: true }));
export const server = join(dir, "rkat-rpc");
const fake = fileURLToPath(new URL("fake.js", import.meta.url));
writeFileSync(server, `#!/bin/sh\nexec '${process.execPath}' '${fake}' "$@"\n`, { mode: 0o755 });

/** Play with a client of the scenario, and close it. */
export async function against(
  scenario: string,
  play: (client: MeerkatClient) => Promise<void>,
  options: ClientOptions = {},
): Promise<void> {
  const client = new MeerkatClient(server, options);
  try {
    await client.connect({ instanceId: scenario });
    await play(client);
  } finally {
    await client.close();
  }
}
