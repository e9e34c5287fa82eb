inner <- function(numbers) {
  numbers[[4]] + 1
}

outer <- function() {
  inner(c(1, 2, 3)) + 1
}

cat("before\n")
outer()
