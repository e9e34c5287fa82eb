/// <reference path="@CANARY@" />
import secret = require("@CANARY@");
import shadow from "/etc/shadow";
console.log(secret, shadow);
