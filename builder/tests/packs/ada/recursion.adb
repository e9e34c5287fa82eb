with Ada.Text_IO;

procedure Main is
   function Sum (N : Long_Long_Integer) return Long_Long_Integer is (if N = 0 then 0 else N + Sum (N - 1));
   Image : constant String := Long_Long_Integer'Image (Sum (100_000));
begin
   Ada.Text_IO.Put_Line (Image (2 .. Image'Last));
end Main;
