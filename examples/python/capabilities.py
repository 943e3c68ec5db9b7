"""What this server can do, and what happens when it cannot."""

import asyncio
from meerkat import CapabilityUnavailableError, MeerkatClient

async def main():
    async with MeerkatClient() as client:
        print("Available capabilities:")
        for cap in client.capabilities:
            if cap.available:
                print(f"  {cap.id}: {cap.description}")

        if client.has_capability("streaming"):
            print("Streaming is available")

        for name in ("comms", "time_travel"):
            try:
                client.require_capability(name)
                print(f"{name} confirmed")
            except CapabilityUnavailableError as e:
                print(f"{name} not available: {e.message}")

asyncio.run(main())

#> Available capabilities:
#>   sessions: ...
#> ...
#> Streaming is available
#> comms ...
#> time_travel not available: ...
