// A prompt of text and an image.

import { readFileSync } from "node:fs";
import { MeerkatClient } from "@rkat/sdk";

const client = new MeerkatClient();
await client.connect();

const base64Data = readFileSync("screenshot.png").toString("base64");
const session = await client.createSession([
  { type: "text", text: "What do you see in this image?" },
  { type: "image", media_type: "image/png", data: base64Data },
]);
console.log(session.text);
//> One red pixel.

await client.close();
