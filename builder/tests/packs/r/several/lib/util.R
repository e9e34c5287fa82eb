greet <- function(name) cat("Hello, ", name, "!\n", sep = "")
