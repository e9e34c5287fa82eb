with Ada.Calendar.Formatting;
with Ada.Containers.Indefinite_Ordered_Maps;
with Ada.Containers.Vectors;
with Ada.Long_Float_Text_IO;
with Ada.Numerics.Long_Elementary_Functions;
with Ada.Text_IO;

procedure Main is
   use Ada.Text_IO;

   package Maps is new Ada.Containers.Indefinite_Ordered_Maps (String, Positive);
   package Vectors is new Ada.Containers.Vectors (Natural, Integer);
   package Sorting is new Vectors.Generic_Sorting;
   type Six is array (1 .. 6) of Integer;
   type Money is delta 0.1 digits 9;

   function Trim (Image : String) return String is
     (if Image (Image'First) = ' ' then Image (Image'First + 1 .. Image'Last) else Image);

   Counts : Maps.Map;
   Numbers : Vectors.Vector;

   procedure Count (Word : String) is
   begin
      if Counts.Contains (Word) then
         Counts (Word) := Counts (Word) + 1;
      else
         Counts.Insert (Word, 1);
      end if;
   end Count;

   task type Quarter (First : Integer) is
      entry Take (Part : out Long_Long_Integer);
   end Quarter;

   task body Quarter is
      Sum : Long_Long_Integer := 0;
   begin
      for N in First .. First + 249_999 loop
         Sum := Sum + Long_Long_Integer (N);
      end loop;
      accept Take (Part : out Long_Long_Integer) do
         Part := Sum;
      end Take;
   end Quarter;

   Price : constant Money := Money (0.1) + Money (0.2);
begin
   Count ("banana");
   Count ("apple");
   Count ("cherry");
   Count ("apple");
   Count ("banana");
   Count ("apple");
   Put ("maps");
   for Place in Counts.Iterate loop
      Put (" " & Maps.Key (Place) & "=" & Trim (Maps.Element (Place)'Image));
   end loop;
   New_Line;
   for Number of Six'(3, -5, 9, 0, 8, -1) loop
      Numbers.Append (Number);
   end loop;
   Sorting.Sort (Numbers);
   Put ("sort");
   for Number of Numbers loop
      Put (" " & Trim (Number'Image));
   end loop;
   New_Line;
   Put_Line ("decimal " & Trim (Price'Image));
   Put ("sqrt ");
   Ada.Long_Float_Text_IO.Put (Ada.Numerics.Long_Elementary_Functions.Sqrt (2.0), Fore => 1, Aft => 6, Exp => 0);
   New_Line;
   declare
      use Ada.Calendar;
      Time : constant String :=
        Formatting.Image (Formatting.Time_Of (1970, 1, 1) + 1_000_000_000.0);
   begin
      Put_Line ("time " & Time (1 .. 10) & "T" & Time (12 .. 19) & "Z");
   end;
   declare
      First : Quarter (1);
      Second : Quarter (250_001);
      Third : Quarter (500_001);
      Fourth : Quarter (750_001);
      Parts : array (1 .. 4) of Long_Long_Integer;
   begin
      First.Take (Parts (1));
      Second.Take (Parts (2));
      Third.Take (Parts (3));
      Fourth.Take (Parts (4));
      Put_Line ("threads" & Long_Long_Integer'Image (Parts (1) + Parts (2) + Parts (3) + Parts (4)));
   end;
end Main;
