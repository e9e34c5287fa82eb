import { readFileSync } from "fs";

console.log("Grüße, Мир, 世界, 😀");
for (const line of readFileSync(0, "utf8").trimEnd().split("\n")) {
    const points: string[] = [...line];
    console.log(points.length, points.reverse().join(""));
}
