// Where a payer tells which small deposits came: in a frame of the shop's page, or on its own as the
// intent's hosted_verification_url.

import { digitsOf, Frame, inputWith } from "./frame.js";

/** @typedef {import("./frame.js").Setting} Setting */

const intent = location.pathname.split("/").pop() ?? "";
const address = `../v1/${intent.startsWith("seti_") ? "setup" : "payment"}_intents/${intent}/verify_microdeposits`;
const framed = parent !== window;
const frame = new Frame({ abandon: () => frame.emit("done") });
const [first, second, code] = [inputWith("first"), inputWith("second"), inputWith("code")];

/** @type {Setting} the page on its own has the simulator's key, and its secret from the address */
let setting = { key: "pk_test_simulated", clientSecret: new URLSearchParams(location.search).get("client_secret") ?? "" };

/** What was typed, or undefined while it is not enough. */
function told() {
  if (code.value.trim()) return { descriptor_code: code.value.trim().toUpperCase() };
  const amounts = [first, second].map((field) => digitsOf(field.value)).filter(Boolean).map(Number);
  return amounts.length === 2 ? { amounts } : undefined;
}

async function verify() {
  const proof = told();
  if (!proof) return complain("Type both amounts, or the code.");
  const body = JSON.stringify({ key: setting.key, client_secret: setting.clientSecret, ...proof });
  try {
    const response = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    const { error } = await response.json();
    return error ? complain(error.message) : finish();
  } catch {
    return complain("The simulator could not be reached. Try again.");
  }
}

function finish() {
  if (framed) return frame.emit("done");
  hide("proof", true);
  hide("verified", false);
  document.getElementById("heading")?.focus();
}

/** @param {string} message */
function complain(message) {
  const trouble = document.getElementById("trouble");
  if (trouble) trouble.textContent = message;
  hide("trouble", false);
}

/**
 * @param {string} id
 * @param {boolean} hidden
 */
function hide(id, hidden) {
  const element = document.getElementById(id);
  if (element) element.hidden = hidden;
}

document.getElementById("proof")?.addEventListener("submit", (event) => {
  event.preventDefault();
  verify();
});
document.getElementById("later")?.addEventListener("click", () => frame.emit("done"));
addEventListener("keydown", (event) => event.key === "Escape" && framed && frame.emit("done"));

frame.listen((given) => {
  setting = given;
  hide("later", false);
  frame.resize();
  frame.emit("ready");
  first.focus();
});
