with Ada.Text_IO;

procedure Main is
   N : Integer := 0 with Volatile;
begin
   Ada.Text_IO.Put_Line ("spinning");
   Ada.Text_IO.Flush;
   loop
      N := 1 - N;
   end loop;
end Main;
