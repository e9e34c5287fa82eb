.bail off
SELECT 'secret', typeof(readfile('@CANARY@'));
SELECT 'shadow', typeof(readfile('/etc/shadow'));
.shell cat @CANARY@
.import @CANARY@ secrets
ATTACH DATABASE '@CANARY@' AS secrets;
SELECT load_extension('@CANARY@');
