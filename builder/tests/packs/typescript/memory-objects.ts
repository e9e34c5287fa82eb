interface Item {
    next: Item | null;
}

let list: Item | null = null;
for (;;) list = { next: list };
