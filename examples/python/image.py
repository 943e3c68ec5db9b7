"""Text and an image in one prompt.  usage: image.py [FILE.png]"""

import asyncio
import base64
import sys
from meerkat import MeerkatClient

# One pixel, for want of a screenshot.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

async def main():
    image_data = PIXEL
    if len(sys.argv) > 1:
        with open(sys.argv[1], "rb") as f:
            image_data = base64.b64encode(f.read()).decode()

    async with MeerkatClient() as client:
        session = await client.create_session(
            [
                {"type": "text", "text": "What do you see in this image?"},
                {"type": "image", "media_type": "image/png", "data": image_data},
            ],
            model="claude-sonnet-4-5",
        )
        print(session.text)
        await session.archive()

asyncio.run(main())

#> A screenshot.
