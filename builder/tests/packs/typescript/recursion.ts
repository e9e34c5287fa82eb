function sum(n: number): number {
    return n === 0 ? 0 : n + sum(n - 1);
}

console.log(sum(100000));
