program memory
  implicit none
  type :: block
    integer, pointer :: numbers(:)
  end type
  type(block) :: blocks(1000000)
  integer :: i
  do i = 1, 1000000
    allocate(blocks(i)%numbers(262144))
    blocks(i)%numbers = i
  end do
end program
