// node growthbook.mjs API_HOST CLIENT_KEY < [attributes, ...]
// Prints of each unit the value that GrowthBook's JavaScript SDK finds for every feature.
import { readFileSync } from "node:fs";
import { GrowthBook } from "@growthbook/growthbook";

const [apiHost, clientKey] = process.argv.slice(2);
const units = JSON.parse(readFileSync(0, "utf8"));

const growthbook = new GrowthBook({ apiHost, clientKey });
const { success, error } = await growthbook.init({ skipCache: true, timeout: 10_000 });
if (!success) throw error ?? new Error("no features");

const features = Object.keys(growthbook.getFeatures());
const found = [];
for (const attributes of units) {
  await growthbook.setAttributes(attributes);
  found.push(
    Object.fromEntries(features.map((key) => [key, growthbook.evalFeature(key).value])),
  );
}
process.stdout.write(JSON.stringify(found));
