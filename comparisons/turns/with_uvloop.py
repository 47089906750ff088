"""asyncio's program on uvloop."""

from __future__ import annotations

import uvloop

from comparisons.turns.with_asyncio import main

uvloop.run(main())
