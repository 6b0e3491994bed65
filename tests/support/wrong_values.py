"""Values of all kinds: wherever one is put, it is most often wrong."""

from typing import Any

VALUES: list[Any] = [None, True, "x", "", [], {}, 0, -1, 1.5, 3, 10**9, 2**40, 2**70, 10**400, float("nan"), [[1]]]
