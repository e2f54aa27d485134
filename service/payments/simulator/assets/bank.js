// A US bank account in the Payment Element. Only Stripe's test accounts are taken: any other number
// is refused here, in the browser, and never leaves this frame.

import { digitsOf, inputWith, tell } from "./frame.js";

/** @import { Form, Problem } from "./payment.js" */

const TEST_BANKS = "../test-banks.json";
const UNLISTED = "This is a simulation: only Stripe’s test accounts work. The number you typed was not sent.";

const holder = inputWith("holder");
const routing = inputWith("routing");
const account = inputWith("account");
const deposits = inputWith("microdeposits");

/** @type {Map<HTMLInputElement, Set<string>>} */
const accepted = new Map([[routing, new Set()], [account, new Set()]]);

/**
 * @param {HTMLInputElement} field
 * @returns {Problem}
 */
function problemOf(field) {
  const [name, shortest] = field === routing ? ["routing", 9] : ["account", 4];
  const digits = digitsOf(field.value);
  if (digits.length < shortest) return { code: `incomplete_${name}_number`, message: `Your ${name} number is incomplete.` };
  return accepted.get(field)?.has(digits) ? undefined : { code: `invalid_${name}_number`, message: UNLISTED };
}

/** @type {Form} */
export const bank = {
  type: "us_bank_account",
  pays: "us_bank_account",
  fields: [routing, account],
  problemOf,
  async learn() {
    const response = await fetch(TEST_BANKS);
    for (const listed of await response.json()) {
      accepted.get(routing)?.add(listed.routing_number);
      accepted.get(account)?.add(listed.account_number);
    }
  },
  watch() {
    for (const field of [routing, account]) {
      field.addEventListener("input", () => {
        field.value = digitsOf(field.value);
        tell(field, "");
      });
    }
  },
  entered: () => ({
    account_holder_type: holder.value,
    routing_number: routing.value,
    account_number: account.value,
    verification_method: deposits.checked ? "microdeposits" : "instant",
  }),
};

/** @param {import("@stripe/stripe-js").StripePaymentElementOptions} options */
export function writeMandate({ business: shop, terms }) {
  const mandate = document.getElementById("mandate");
  if (!mandate) return;
  const business = shop?.name ?? "this business";
  mandate.hidden = terms?.usBankAccount === "never";
  mandate.textContent = `By continuing, you authorize ${business} to debit the bank account specified above for any amount owed for charges arising from your use of its services and purchase of its products, until this authorization is revoked. You may amend or cancel this authorization at any time by giving 30 days’ notice.`;
}
