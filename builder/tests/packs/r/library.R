library(parallel)

counts <- table(strsplit("banana apple cherry apple banana apple", " ")[[1]])
cat("maps", paste0(names(counts), "=", counts), sep = " ")
cat("\nsort", sort(c(3, -5, 9, 0, 8, -1)), sep = " ")
text <- "from 2024-02-29 to 1999-12-31, not 99-1-1"
cat("\nregex", regmatches(text, gregexpr("\\b\\d{4}-\\d{2}-\\d{2}\\b", text, perl = TRUE))[[1]], sep = " ")
cat(sprintf("\nsqrt %.6f\n", sqrt(2)))
cat("time ", format(as.POSIXct(1e9, origin = "1970-01-01", tz = "UTC"), "%Y-%m-%dT%H:%M:%SZ"), "\n", sep = "")
quarter <- function(i) sum(as.numeric((i * 250000 + 1):((i + 1) * 250000)))
cat(sprintf("threads %.0f\n", sum(unlist(mclapply(0:3, quarter, mc.cores = 4)))))
