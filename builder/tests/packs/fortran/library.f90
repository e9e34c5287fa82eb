program library
  implicit none
  double precision :: two
  integer :: numbers(6), i, first(1)

  numbers = [3, -5, 9, 0, 8, -1]
  do i = 1, 6
    first = minloc(numbers(i:)) + i - 1
    numbers([i, first(1)]) = numbers([first(1), i])
  end do
  print '(a, *(1x, i0))', 'sort', numbers
  two = 2
  print '(a, f0.6)', 'sqrt ', sqrt(two)
end program
