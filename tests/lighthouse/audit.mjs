// Lighthouse's verdict on pages. Reads {chromium, flags, rounds, slowdown, pages: [{name, url, cookie,
// refused}]} and prints one line of JSON for each audit, round after round, so that what slows the
// machine for a while slows every page alike.

import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";

const CATEGORIES = ["performance", "accessibility", "best-practices"];
const ATTEMPTS = 3;

const { chromium, flags, rounds, slowdown, pages } = JSON.parse(await new Response(process.stdin).text());

/** Lighthouse's own phone and its own slow network; only the share of this machine's speed is ours. */
async function audit(port, { url, cookie, refused }) {
  const { lhr } = await lighthouse(url, {
    port,
    logLevel: "error",
    onlyCategories: CATEGORIES,
    ignoreStatusCode: true,
    // The browser itself writes the status of a refusal into its console.
    skipAudits: refused ? ["errors-in-console"] : null,
    extraHeaders: cookie ? { Cookie: cookie } : null,
    throttling: { rttMs: 150, throughputKbps: 1638.4, cpuSlowdownMultiplier: slowdown },
  });
  return lhr;
}

/** Once in a while a trace begins too late, which says nothing of the page. */
async function audited(port, page) {
  let lhr;
  for (let attempt = 0; attempt < ATTEMPTS && (!lhr || lhr.runtimeError); attempt++) lhr = await audit(port, page);
  return { name: page.name, ...lhr };
}

const browser = await launch({ chromePath: chromium, chromeFlags: ["--headless=new", ...flags] });
try {
  for (let round = 0; round < rounds; round++) {
    for (const page of pages) process.stdout.write(`${JSON.stringify(await audited(browser.port, page))}\n`);
  }
} finally {
  browser.kill();
}
