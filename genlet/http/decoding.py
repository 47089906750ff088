"""Content codings of answers: gzip and deflate, each piece bounded, and a cut one is an error."""

# The decompressor is never asked for more than PIECE bytes at a time, so a bomb costs what its reader
# takes, and the limit of the reader ends it.

from __future__ import annotations

import zlib
from typing import List, Optional

from .framing import Refused

__all__ = ["ACCEPTED", "Decoder", "decoder_for"]

ACCEPTED = "gzip, deflate"
MOST = 2  # codings of one body
PIECE = 65536  # bytes of output at a time

GZIP = ("gzip", "x-gzip")
NOTHING = ("", "identity")


class Decoder:
    """Takes one coding off a body.

    ::

        decoder.give(data)
        while piece := decoder.take():
            ...
        decoder.end()
    """

    __slots__ = ("_data", "_fresh", "_gzip", "_over", "_zlib")

    def __init__(self, gzip: bool) -> None:
        self._gzip: bool = gzip
        # Made at the first byte: "deflate" is said of two formats, which differ there.
        self._zlib: Optional[zlib._Decompress] = None
        self._data: bytes = b""
        self._fresh: bool = True  # nothing was given yet
        self._over: bool = False

    def give(self, data: bytes) -> None:
        """Put coded bytes in, when `take` has returned nothing."""
        self._data += data

    def take(self) -> bytes:
        """Return up to PIECE decoded bytes; nothing if more must be given.

        Raises:
            Refused: The bytes are not in the coding.
        """
        while not self._over:
            decompressor = self._zlib
            if decompressor is None:
                if not self._data:
                    return b""
                decompressor = self._zlib = self._begun(self._data)
            try:
                # Without input too: it holds output back that had no room.
                piece = decompressor.decompress(self._data, PIECE)
            except zlib.error:
                raise Refused(502, "the body is not in its Content-Encoding") from None
            self._fresh = False
            if decompressor.eof:
                self._zlib = None
                self._data = decompressor.unused_data
                # Several members of gzip may follow each other.  What else follows is padding.
                self._over = not self._gzip or self._data[:1] not in (b"", b"\x1f")
            else:
                self._data = decompressor.unconsumed_tail
            if piece:
                return piece
            if self._zlib is not None and not self._data:
                return b""
        self._data = b""
        return b""

    def _begun(self, data: bytes) -> zlib._Decompress:
        if self._gzip:
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        # RFC 9110 means zlib's format, and some servers send bare deflate.
        return zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS)

    def end(self) -> None:
        """The coded bytes have ended.

        Raises:
            Refused: In the middle of the coding; a body without a byte is whole.
        """
        if not self._fresh and self._zlib is not None:
            raise Refused(502, "the compressed body was cut off")


def decoder_for(codings: str) -> List[Decoder]:
    """Return what takes *codings*, the value of Content-Encoding, off; the first to be used first.

    It is empty for a coding that is not known: the body is handed out as it comes then.

    Raises:
        Refused: There are more codings than a server has a reason for.
    """
    names = [name for one in codings.split(",") if (name := one.strip().lower()) not in NOTHING]
    if len(names) > MOST:
        raise Refused(502, f"the body has more than {MOST} codings")
    if not all(name in GZIP or name == "deflate" for name in names):
        return []
    return [Decoder(name in GZIP) for name in reversed(names)]
