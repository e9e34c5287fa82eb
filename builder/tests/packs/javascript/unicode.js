console.log("Grüße, Мир, 世界, 😀");
for (const line of require("fs").readFileSync(0, "utf8").trimEnd().split("\n")) {
    const points = [...line];
    console.log(points.length, points.reverse().join(""));
}
