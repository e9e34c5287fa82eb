let list = null;
for (;;) list = { next: list };
