import json
import math
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from decimal import Decimal

counts = Counter("banana apple cherry apple banana apple".split())
print("maps", *(f"{word}={counts[word]}" for word in sorted(counts)))
print("sort", *sorted([3, -5, 9, 0, 8, -1]))
print("bigint", math.factorial(50))
print("regex", *re.findall(r"\b\d{4}-\d{2}-\d{2}\b", "from 2024-02-29 to 1999-12-31, not 99-1-1"))
document = json.loads('{"name": "caf\\u00e9", "values": [1, 2, 3]}')
print("json", document["name"], sum(document["values"]), json.dumps([1, None, "x"], separators=(",", ":")))
print("decimal", Decimal("0.1") + Decimal("0.2"))
print("sqrt", f"{math.sqrt(2):.6f}")
print("time", datetime.fromtimestamp(10**9, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"))
with ThreadPoolExecutor(4) as pool:
    parts = pool.map(lambda i: sum(range(i * 250000 + 1, (i + 1) * 250000 + 1)), range(4))
    print("threads", sum(parts))
