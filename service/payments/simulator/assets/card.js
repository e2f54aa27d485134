// A card in the Payment Element. Stripe's test numbers are taken and every other number is refused
// here, in the browser: a real card number never leaves this frame.

import { digitsOf, inputWith, tell } from "./frame.js";

/** @import { Form, Problem } from "./payment.js" */

/**
 * A listed card, as far as it is shown or asked about here.
 * @typedef {object} TestCard
 * @property {string} number
 * @property {string} brand
 * @property {boolean} challenge whether 3-D Secure is asked for first
 * @property {string} outcome
 */

const TEST_CARDS = "../test-cards.json";

const number = inputWith("number");
const expiry = inputWith("expiry");
const cvc = inputWith("cvc");
const fields = [number, expiry, cvc];

/** @type {Set<string>} */
const accepted = new Set();

/** @type {Promise<TestCard[]>|undefined} */
let listed;

/** Every card that is accepted, asked for once. */
export function testCards() {
  listed ??= fetch(TEST_CARDS).then((response) => response.json());
  return listed;
}

/** @type {Map<HTMLInputElement, () => Problem>} */
const CHECKS = new Map([[number, numberProblem], [expiry, expiryProblem], [cvc, cvcProblem]]);

/** @param {string} digits */
function isAmex(digits) {
  return /^3[47]/.test(digits);
}

/** @returns {Problem} */
function numberProblem() {
  const digits = digitsOf(number.value);
  if (digits.length < (isAmex(digits) ? 15 : 16)) return { code: "incomplete_number", message: "Your card number is incomplete." };
  if (accepted.has(digits)) return undefined;
  return { code: "invalid_number", message: "This is a simulation: only Stripe’s test card numbers work. The number you typed was not sent." };
}

/** Month and full year, or undefined while they are not there yet. */
function expiryParts() {
  const match = /^\s*(\d{1,2})\s*\/\s*(\d{4}|\d{2})\s*$/.exec(expiry.value);
  if (!match) return undefined;
  const [, month = "", year = ""] = match;
  return { month: Number(month), year: Number(year) + (year.length === 2 ? 2000 : 0) };
}

/** @returns {Problem} */
function expiryProblem() {
  const parts = expiryParts();
  if (!parts || parts.month < 1 || parts.month > 12) return { code: "incomplete_expiry", message: "Your card’s expiration date is incomplete." };
  const today = new Date();
  if (parts.year < today.getFullYear()) return { code: "invalid_expiry_year_past", message: "Your card’s expiration year is in the past." };
  if (new Date(parts.year, parts.month) <= today) return { code: "invalid_expiry_month_past", message: "Your card’s expiration date is in the past." };
  return undefined;
}

/** @returns {Problem} */
function cvcProblem() {
  const needed = isAmex(digitsOf(number.value)) ? 4 : 3;
  return cvc.value.length >= needed ? undefined : { code: "incomplete_cvc", message: "Your card’s security code is incomplete." };
}

// -- writing as cards are printed -------------------------------------------------------------

/** @param {string} digits */
function grouped(digits) {
  const groups = isAmex(digits) ? /^(\d{1,4})(\d{1,6})?(\d{1,5})?/ : /^(\d{1,4})(\d{1,4})?(\d{1,4})?(\d{1,7})?/;
  return (groups.exec(digits) ?? []).slice(1).filter(Boolean).join(" ");
}

/** @param {string} digits */
function slashed(digits) {
  const padded = /^[2-9]/.test(digits) ? `0${digits}` : digits;
  return padded.length > 2 ? `${padded.slice(0, 2)} / ${padded.slice(2, 6)}` : padded;
}

/**
 * Rewrites the field and leaves the caret behind the same digit.
 * @param {HTMLInputElement} field
 * @param {(digits: string) => string} write
 */
function rewrite(field, write) {
  const typedAtEnd = field.selectionStart === field.value.length;
  const before = digitsOf(field.value.slice(0, field.selectionStart ?? 0)).length;
  field.value = write(digitsOf(field.value));
  const caret = typedAtEnd ? field.value.length : positionAfter(field.value, before);
  field.setSelectionRange(caret, caret);
}

/**
 * @param {string} text
 * @param {number} count
 */
function positionAfter(text, count) {
  let position = 0;
  for (let seen = 0; seen < count && position < text.length; position += 1) {
    if (/\d/.test(text[position] ?? "")) seen += 1;
  }
  return position;
}

function numberTyped() {
  rewrite(number, grouped);
  // A complete number that is not for tests is refused at once, not only when the field is left.
  const problem = numberProblem();
  tell(number, problem?.code === "invalid_number" ? problem.message : "");
}

function expiryTyped() {
  rewrite(expiry, slashed);
  tell(expiry, "");
}

function cvcTyped() {
  cvc.value = digitsOf(cvc.value);
  tell(cvc, "");
}

/** @type {Form} */
export const card = {
  type: "card",
  pays: "card",
  fields,
  problemOf: (field) => CHECKS.get(field)?.(),
  async learn() {
    for (const test of await testCards()) accepted.add(test.number);
  },
  watch() {
    number.addEventListener("input", numberTyped);
    expiry.addEventListener("input", expiryTyped);
    cvc.addEventListener("input", cvcTyped);
  },
  entered() {
    const parts = expiryParts();
    return { number: digitsOf(number.value), exp_month: parts?.month, exp_year: parts?.year, cvc: cvc.value };
  },
};
