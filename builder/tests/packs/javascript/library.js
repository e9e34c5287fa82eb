const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");

async function main() {
    const counts = new Map();
    for (const word of "banana apple cherry apple banana apple".split(" ")) {
        counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    console.log("maps", [...counts].sort().map(([word, count]) => `${word}=${count}`).join(" "));
    console.log("sort", [3, -5, 9, 0, 8, -1].sort((a, b) => a - b).join(" "));
    let factorial = 1n;
    for (let i = 2n; i <= 50n; i++) factorial *= i;
    console.log("bigint", String(factorial));
    console.log("regex", "from 2024-02-29 to 1999-12-31, not 99-1-1".match(/\b\d{4}-\d{2}-\d{2}\b/gu).join(" "));
    const { name, values } = JSON.parse('{"name": "caf\\u00e9", "values": [1, 2, 3]}');
    console.log("json", name, values.reduce((a, b) => a + b), JSON.stringify([1, null, "x"]));
    console.log("sqrt", Math.sqrt(2).toFixed(6));
    console.log("time", new Date(1e12).toISOString().replace(".000", ""));
    const parts = [0, 1, 2, 3].map(i => new Promise((resolve, reject) => {
        const worker = new Worker(__filename, { workerData: i });
        worker.on("message", resolve).on("error", reject);
    }));
    console.log("threads", (await Promise.all(parts)).reduce((a, b) => a + b));
}

function quarter(i) {
    let sum = 0;
    for (let n = i * 250000 + 1; n <= (i + 1) * 250000; n++) sum += n;
    return sum;
}

if (isMainThread) main(); else parentPort.postMessage(quarter(workerData));
