cat("spinning\n")
repeat {}
