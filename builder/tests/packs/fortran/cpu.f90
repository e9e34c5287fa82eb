program cpu
  implicit none
  integer, volatile :: n
  print '(a)', 'spinning'
  flush(6)
  do
    n = n + 1
  end do
end program
