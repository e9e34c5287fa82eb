{$L @CANARY@}
{$R /etc/shadow}
procedure secret; external;
begin
  secret;
end.
