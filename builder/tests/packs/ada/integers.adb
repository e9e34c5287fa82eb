with Ada.Containers.Generic_Array_Sort;
with Ada.Integer_Text_IO;
with Ada.Text_IO;
with Interfaces;

procedure Main is
   use Ada.Text_IO;
   use type Interfaces.Unsigned_32;

   type Numbers is array (Natural range <>) of Integer;
   type Access_Numbers is access Numbers;
   procedure Sort is new Ada.Containers.Generic_Array_Sort (Natural, Integer, Numbers);

   function Bits (Number : Integer) return Interfaces.Unsigned_32 is
     (if Number < 0 then not Interfaces.Unsigned_32 (-(Number + 1)) else Interfaces.Unsigned_32 (Number));
   function Signed (Word : Interfaces.Unsigned_32) return Integer is
     (if Word >= 2 ** 31 then -Integer (not Word) - 1 else Integer (Word));

   Count : Natural;
   All_Of : Access_Numbers;
   Sum : Long_Long_Integer := 0;
   Mixed : Interfaces.Unsigned_32 := 0;

   procedure Show (Name : String; Image : String) is
   begin
      Put_Line (Name & " " & (if Image (Image'First) = ' ' then Image (Image'First + 1 .. Image'Last) else Image));
   end Show;
begin
   Ada.Integer_Text_IO.Get (Count);
   All_Of := new Numbers (0 .. Count - 1);
   for Number of All_Of.all loop
      Ada.Integer_Text_IO.Get (Number);
      Sum := Sum + Long_Long_Integer (Number);
      Mixed := Mixed xor Bits (Number);
   end loop;
   Sort (All_Of.all);
   Show ("sum", Sum'Image);
   Show ("xor", Signed (Mixed)'Image);
   Show ("median", All_Of (Count / 2)'Image);
end Main;
