// The rows of the payment methods that a customer has saved.

/**
 * @typedef {object} Method
 * @property {string} id
 * @property {"card"|"link"|"us_bank_account"} type
 * @property {object} billing_details
 * @property {{brand: string, last4: string}} [card]
 * @property {{email: string|null}} [link]
 * @property {{last4: string}} [us_bank_account]
 */

/** @type {Record<string, string>} */
const BRANDS = { visa: "Visa", mastercard: "Mastercard", amex: "American Express" };

/** @param {Pick<Method, "card"|"link"|"us_bank_account">} method */
export function nameOf({ card, link, us_bank_account: account }) {
  if (link) return `Link ${link.email ?? ""}`;
  return card ? `${BRANDS[card.brand] ?? card.brand} •••• ${card.last4}` : `Bank •••• ${account?.last4}`;
}

/**
 * @param {Method} method
 * @param {(() => void)|undefined} remove absent where the customer may not remove it
 */
export function rowOf(method, remove) {
  const row = document.createElement("div");
  row.className = "Method Saved";
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "method", value: method.id, id: `method-${method.id}` });
  const choice = document.createElement("label");
  choice.className = "Choice";
  choice.append(radio, nameOf(method));
  row.append(choice);
  if (remove) row.append(removal(method, remove));
  return row;
}

/**
 * @param {Method} method
 * @param {() => void} remove
 */
function removal(method, remove) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "Link", textContent: "Remove" });
  button.setAttribute("aria-label", `Remove ${nameOf(method)}`);
  button.addEventListener("click", remove);
  return button;
}
