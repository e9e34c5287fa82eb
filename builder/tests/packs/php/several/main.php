<?php
require "lib/util.php";

greet(trim(file_get_contents("data.txt")));
