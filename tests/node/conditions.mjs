// Reads [[condition, attributes], ...] from stdin and prints whether GrowthBook's SDK lets each in.
import { readFileSync } from "node:fs";
import { evalCondition } from "@growthbook/growthbook";

const pairs = JSON.parse(readFileSync(0, "utf8"));
const admitted = pairs.map(([condition, attributes]) => evalCondition(attributes, condition));
process.stdout.write(JSON.stringify(admitted));
