import { readFileSync } from "fs";
import { greet } from "./lib/util";

greet(readFileSync("data.txt", "utf8").trim());
