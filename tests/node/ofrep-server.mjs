// node ofrep-server.mjs BASE_URL KEY < [[flag, context], ...]
// Prints what OpenFeature's server SDK makes of each flag, through the OFREP provider.
import { readFileSync } from "node:fs";
import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OpenFeature } from "@openfeature/server-sdk";

const AT_ONCE = 16;
const [baseUrl, key] = process.argv.slice(2);
const asked = JSON.parse(readFileSync(0, "utf8"));

await OpenFeature.setProviderAndWait(
  new OFREPProvider({ baseUrl, headers: [["X-API-Key", key]] }),
);
const client = OpenFeature.getClient();
const found = new Array(asked.length);
let next = 0;

async function work() {
  while (next < asked.length) {
    const at = next++;
    const [flag, context] = asked[at];
    found[at] = await client.getStringDetails(flag, "the code's default", context);
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work));
process.stdout.write(JSON.stringify(found));
