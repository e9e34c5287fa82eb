console.log "Grüße, Мир, 世界, 😀"
for line in require("fs").readFileSync(0, "utf8").trimEnd().split "\n"
  points = Array.from line
  console.log "#{points.length} #{points.reverse().join ""}"
