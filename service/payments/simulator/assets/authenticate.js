// The simulated bank's page for 3-D Secure.

import { Frame } from "./frame.js";
import { money } from "./money.js";

/** @typedef {import("./frame.js").Setting} Setting */

const intent = location.pathname.split("/").pop() ?? "";
const address = `../v1/${intent.startsWith("seti_") ? "setup" : "payment"}_intents/${intent}`;
const frame = new Frame({ abandon: () => decide("fail") });
const buttons = [...document.querySelectorAll("button")];

/** @type {Setting} */
let setting = {};

/** @param {"succeed"|"fail"} outcome */
async function decide(outcome) {
  for (const button of buttons) button.disabled = true;
  const body = JSON.stringify({ key: setting.key, client_secret: setting.clientSecret, outcome });
  try {
    await fetch(`${address}/authenticate`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    frame.emit("done");
  } catch {
    complain();
  }
}

function complain() {
  const trouble = document.getElementById("trouble");
  if (trouble) {
    trouble.textContent = "The simulated bank could not be reached. Try again.";
    trouble.hidden = false;
  }
  for (const button of buttons) button.disabled = false;
}

async function askWithAmount() {
  const query = new URLSearchParams({ key: setting.key ?? "", client_secret: setting.clientSecret ?? "" });
  const response = await fetch(`${address}?${query}`);
  const { amount, currency } = await response.json();
  const question = document.getElementById("question");
  if (question && currency) question.textContent = `Your bank asks you to confirm a payment of ${money(amount, currency)}.`;
}

document.getElementById("complete")?.addEventListener("click", () => decide("succeed"));
document.getElementById("fail")?.addEventListener("click", () => decide("fail"));
addEventListener("keydown", (event) => event.key === "Escape" && decide("fail"));

frame.listen(async (given) => {
  setting = given;
  frame.resize();
  frame.emit("ready");
  await Promise.allSettled([askWithAmount()]);
  document.getElementById("complete")?.focus();
});
