with Ada.Wide_Wide_Text_IO;

procedure Main is
   use Ada.Wide_Wide_Text_IO;
begin
   Put_Line ("Grüße, Мир, 世界, 😀");
   while not End_Of_File loop
      declare
         Line : constant Wide_Wide_String := Get_Line;
         Length : constant Wide_Wide_String := Natural'Wide_Wide_Image (Line'Length);
      begin
         Put (Length (2 .. Length'Last) & " ");
         for Point of reverse Line loop
            Put (Point);
         end loop;
         New_Line;
      end;
   end loop;
end Main;
