// node ofrep-web.mjs BASE_URL KEY < {flags, contexts}
// Prints of each context the value that OpenFeature's web SDK finds for every flag.
import { readFileSync } from "node:fs";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { OpenFeature } from "@openfeature/web-sdk";

const AT_ONCE = 8;
const [baseUrl, key] = process.argv.slice(2);
const { flags, contexts } = JSON.parse(readFileSync(0, "utf8"));

const found = new Array(contexts.length);
let next = 0;

// Each domain is one page: its own provider, its own context, which changes as people sign in.
async function page(number) {
  const domain = `page-${number}`;
  const provider = new OFREPWebProvider({
    baseUrl,
    headers: [["Authorization", `Bearer ${key}`]],
    cacheMode: "disabled",
  });
  await OpenFeature.setProviderAndWait(domain, provider, contexts[0]);
  const client = OpenFeature.getClient(domain);
  while (next < contexts.length) {
    const at = next++;
    await OpenFeature.setContext(domain, contexts[at]);
    found[at] = Object.fromEntries(
      flags.map((flag) => [flag, client.getStringValue(flag, "the code's default")]),
    );
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, (_, number) => page(number)));
await OpenFeature.close();
process.stdout.write(JSON.stringify(found));
