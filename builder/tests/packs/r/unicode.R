cat("Grüße, Мир, 世界, 😀\n")
for (line in readLines(file("stdin"))) {
  points <- strsplit(line, "")[[1]]
  cat(length(points), " ", paste(rev(points), collapse = ""), "\n", sep = "")
}
