main <- function( {
  cat("never\n")
}
