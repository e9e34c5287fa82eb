{$I @CANARY@}
{$I /etc/shadow}
begin
end.
