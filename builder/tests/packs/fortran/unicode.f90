program unicode
  use iso_fortran_env, only: output_unit, input_unit
  implicit none
  integer, parameter :: ucs4 = selected_char_kind('ISO_10646')
  character(kind=ucs4, len=256) :: line
  integer :: status, i

  print '(a)', 'Grüße, Мир, 世界, 😀'
  open(output_unit, encoding='utf-8')
  open(input_unit, encoding='utf-8')
  do
    read(input_unit, '(a)', iostat=status) line
    if (status /= 0) exit
    write(output_unit, '(i0, 1x, *(a))') len_trim(line), (line(i:i), i = len_trim(line), 1, -1)
  end do
end program
