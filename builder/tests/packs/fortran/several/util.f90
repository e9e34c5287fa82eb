module util
contains
  subroutine greet(name)
    character(len=*), intent(in) :: name
    print '(a)', 'Hello, ' // name // '!'
  end subroutine
end module
