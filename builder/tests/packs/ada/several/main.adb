with Ada.Text_IO;
with Util;

procedure Main is
   use Ada.Text_IO;
   File : File_Type;
begin
   Open (File, In_File, "data.txt");
   Util.Greet (Get_Line (File));
end Main;
