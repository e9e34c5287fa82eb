package Util is
   procedure Greet (Name : String);
end Util;
