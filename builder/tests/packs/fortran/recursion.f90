program recursion
  implicit none
  print '(i0)', total(100000_8)

contains

  recursive function total(n) result(value)
    integer(8), intent(in) :: n
    integer(8) :: value
    if (n == 0) then
      value = 0
    else
      value = n + total(n - 1)
    end if
  end function
end program
