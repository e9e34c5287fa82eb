program error
  implicit none
  print '(a)', 'before'
  call outer

contains

  subroutine outer
    call inner(3)
  end subroutine

  subroutine inner(depth)
    integer, intent(in) :: depth
    if (depth <= 3) error stop 'too shallow'
  end subroutine
end program
