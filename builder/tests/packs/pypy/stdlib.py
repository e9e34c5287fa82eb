import lzma
import sqlite3
import unittest
from zoneinfo import ZoneInfo

print(lzma.decompress(lzma.compress(b"packed")).decode())
print(sqlite3.connect(":memory:").execute("SELECT 6 * 7").fetchone()[0])
print(unittest.TestCase().assertEqual(1, 1), ZoneInfo("Europe/Berlin"))
