import { MeerkatClient } from "@rkat/sdk";

/** A client of the rkat-rpc on PATH. */
export async function live(play: (client: MeerkatClient) => Promise<void>): Promise<void> {
  const client = new MeerkatClient();
  try {
    await client.connect({ isolated: true });
    await play(client);
  } finally {
    await client.close();
  }
}
