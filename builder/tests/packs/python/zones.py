from datetime import datetime
from zoneinfo import ZoneInfo

print(datetime.fromtimestamp(1_700_000_000, ZoneInfo("Europe/Berlin")).isoformat())
