"""A body on its way in: counted, handed on in large pieces, and waited for only while it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile
from typing import Annotated, BinaryIO, cast

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

#: How long a body may rest. A slow one takes as long as it likes, as long as something of it comes.
IDLE_SECONDS = 30.0
#: What is handed on at once: each hand-over to the disk costs a change of threads.
_PIECE_BYTES = 1 << 20
#: Smaller bodies stay in memory.
_SPOOLED_FROM_BYTES = 1 << 20


class Incoming:
    """A body that is being received. The exceptions are those that FastAPI hands on."""

    def __init__(self, receive: Receive, most: int, idle_seconds: float) -> None:
        self._receive = receive
        self._left = most
        self._idle_seconds = idle_seconds
        self._whole = False

    async def receive(self) -> Message:
        """Return the next large piece, or whatever follows a body."""
        if self._whole:
            return await self._receive()
        pieces: list[bytes] = []
        held = 0
        while held < _PIECE_BYTES and not self._whole:
            message = await self._next()
            if message["type"] != "http.request":
                self._whole = True
                return message
            pieces.append(message.get("body", b""))
            held += len(pieces[-1])
            self._left -= len(pieces[-1])
            if self._left < 0:
                raise HTTPException(413)
            self._whole = not message.get("more_body", False)
        return {"type": "http.request", "body": b"".join(pieces), "more_body": not self._whole}

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(self._idle_seconds):
                return await self._receive()
        except TimeoutError:
            # What was sent is of no use any more, nor is the connection it came by.
            raise HTTPException(408, headers={"Connection": "close"}) from None


async def _spooled(request: Request) -> AsyncIterator[BinaryIO]:
    with SpooledTemporaryFile(max_size=_SPOOLED_FROM_BYTES) as file:
        async for piece in request.stream():
            await run_in_threadpool(file.write, piece)
        file.seek(0)
        yield cast(BinaryIO, file)


#: The body of a request as a file, which lies on the disk if it is large, and is gone with the request.
Spooled = Annotated[BinaryIO, Depends(_spooled, scope="function")]
