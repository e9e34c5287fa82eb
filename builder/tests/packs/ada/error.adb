with Ada.Text_IO;

procedure Main is
   type Numbers is array (Positive range <>) of Integer;

   function Inner (All_Of : Numbers; Place : Positive) return Integer is
   begin
      return All_Of (Place);
   end Inner;

   function Outer return Integer is (Inner ((1, 2, 3), Positive'Value ("4")));
begin
   Ada.Text_IO.Put_Line ("before");
   Ada.Text_IO.Put_Line (Outer'Image);
end Main;
