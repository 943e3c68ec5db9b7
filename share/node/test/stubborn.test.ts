// On its own, because it takes the 5 s that a server is given.

import { test } from "node:test";
import assert from "node:assert/strict";

import { against } from "./play.js";

test("a server that ignores SIGTERM is killed", async () => {
  const begin = Date.now();
  await against("stubborn", async () => undefined);
  assert(Date.now() - begin > 4500 && Date.now() - begin < 9000);
});
