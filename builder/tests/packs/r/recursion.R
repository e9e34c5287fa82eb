options(expressions = 500000)
total <- function(n) if (n == 0) 0 else n + total(n - 1)

cat(sprintf("%.0f\n", total(5000)))
