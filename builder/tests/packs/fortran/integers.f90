program integers
  implicit none
  integer :: n, i, xored
  integer(8) :: total
  integer, allocatable :: numbers(:)

  read *, n
  allocate(numbers(n))
  do i = 1, n
    read *, numbers(i)
  end do
  total = sum(int(numbers, 8))
  xored = 0
  do i = 1, n
    xored = ieor(xored, numbers(i))
  end do
  call sort(numbers, 1, n)
  print '(a, i0)', 'sum ', total, 'xor ', xored, 'median ', numbers(n / 2 + 1)

contains

  recursive subroutine sort(a, first, last)
    integer, intent(inout) :: a(:)
    integer, intent(in) :: first, last
    integer :: i, j, pivot, other
    if (first >= last) return
    pivot = a((first + last) / 2)
    i = first
    j = last
    do while (i <= j)
      do while (a(i) < pivot)
        i = i + 1
      end do
      do while (a(j) > pivot)
        j = j - 1
      end do
      if (i <= j) then
        other = a(i)
        a(i) = a(j)
        a(j) = other
        i = i + 1
        j = j - 1
      end if
    end do
    call sort(a, first, j)
    call sort(a, i, last)
  end subroutine
end program
