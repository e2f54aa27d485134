// Link and the wallets in the Payment Element: each pays with one of Stripe's test cards, which is
// chosen here where the real one would open a sheet.

import { testCards } from "./card.js";
import { nameOf } from "./saved.js";

/** @import { PaymentWalletsOption } from "@stripe/stripe-js" */
/** @import { TestCard } from "./card.js" */
/** @import { Form } from "./payment.js" */

/**
 * @typedef {object} Wallet
 * @property {string} type as Stripe.js calls the choice
 * @property {string} name as people know it
 * @property {"card"|"link"} pays the type of the payment method it makes
 * @property {keyof PaymentWalletsOption} option by which a page hides it
 */

/** @type {Wallet[]} */
const WALLETS = [
  { type: "link", name: "Link", pays: "link", option: "link" },
  { type: "apple_pay", name: "Apple Pay", pays: "card", option: "applePay" },
  { type: "google_pay", name: "Google Pay", pays: "card", option: "googlePay" },
];

/** @param {TestCard} card */
function optionOf({ number, brand, challenge, outcome }) {
  const ends = challenge ? `3-D Secure, then ${outcome}` : outcome;
  const name = nameOf({ card: { brand, last4: number.slice(-4) } });
  return new Option(`${name}: ${ends.replaceAll("_", " ")}`, number);
}

/**
 * The wallet's row, put below the others.
 * @param {Wallet} wallet
 * @returns {HTMLSelectElement} the test card that the wallet holds
 */
function addRow({ type, name }) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById("wallet"));
  const row = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
  for (const part of row.querySelectorAll("[id]")) part.id += type;
  for (const place of row.querySelectorAll("[data-name]")) place.textContent = name;
  const [radio, held] = [row.querySelector("input"), row.querySelector("select")];
  if (!radio || !held) throw new Error("The template of a wallet has lost a part.");
  radio.value = type;
  document.getElementById("methods")?.append(row);
  return held;
}

/**
 * @param {Wallet} wallet
 * @returns {Form}
 */
function formOf(wallet) {
  const { type, pays, option } = wallet;
  const held = addRow(wallet);
  return {
    type,
    pays,
    option,
    fields: [],
    problemOf: () => undefined,
    async learn() {
      held.replaceChildren(...(await testCards()).map(optionOf));
    },
    watch() {},
    entered: () => ({ number: held.value, ...(pays === "card" && { wallet: type }) }),
  };
}

export const wallets = WALLETS.map(formOf);
