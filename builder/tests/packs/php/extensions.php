<?php
echo iconv("UTF-8", "ISO-8859-1", "ä") === "\xe4" ? "iconv\n" : "";
echo cal_days_in_month(CAL_GREGORIAN, 2, 2024), "\n";
echo readline(), "\n";
echo (new DateTime("@1700000000"))->setTimezone(new DateTimeZone("Europe/Berlin"))->format("H:i"), "\n";
