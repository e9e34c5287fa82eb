program main
  use util, only: greet
  implicit none
  character(len=64) :: name
  open(10, file='data.txt', action='read')
  read(10, '(a)') name
  call greet(trim(name))
end program
