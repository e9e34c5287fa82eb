program broken
  implicit none
  number = 42
end program
