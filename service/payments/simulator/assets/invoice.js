// Where a customer pays an invoice: its hosted_invoice_url.

import { digits, money } from "./money.js";

/**
 * @typedef {{number: string | null, status: string, currency: string, total: number, amount_due: number,
 *   amount_paid: number, amount_remaining: number, due_date: number | null, takes_cards: boolean,
 *   lines: {description: string | null, amount: number}[]}} Invoice
 * @typedef {{number: string, name: string, outcome: string, challenge: string}} Card
 */

const address = `../v1/invoices/${location.pathname.split("/").pop()}`;
const key = "pk_test_simulated";
const UNREACHED = "The simulator could not be reached. Try again.";
/** @type {Invoice | undefined} */
let invoice;

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no ${id}`);
  return found;
}

/** @param {string} id */
function field(id) {
  return /** @type {HTMLInputElement | HTMLSelectElement} */ (element(id));
}

/**
 * @param {string} url
 * @param {object} [body] sent as JSON; nothing asks only
 */
async function ask(url, body) {
  const headers = { "Content-Type": "application/json" };
  const sent = body ? { method: "POST", headers, body: JSON.stringify({ key, ...body }) } : {};
  const response = await fetch(url, sent);
  const answer = await response.json();
  if (answer.error) throw new Refused(answer.error.message);
  return answer;
}

class Refused extends Error {}

/** @param {Invoice} found */
function show(found) {
  invoice = found;
  const { currency } = found;
  element("heading").textContent = `Invoice ${found.number ?? ""}`;
  element("standing").textContent = standing(found);
  const rows = found.lines.map((line) => row(line.description ?? "", money(line.amount, currency)));
  rows.push(row("Total", money(found.total, currency)));
  element("lines").querySelector("tbody")?.replaceChildren(...rows);
  element("lines").hidden = false;
  const owed = ["open", "uncollectible"].includes(found.status) && found.amount_remaining > 0;
  element("card").hidden = !owed || !found.takes_cards;
  element("transfer").hidden = !owed;
  element("pay").textContent = `Pay ${money(found.amount_remaining, currency)}`;
  field("amount").value = (found.amount_remaining / 10 ** digits(currency)).toFixed(digits(currency));
}

/** @param {Invoice} found */
function standing(found) {
  if (found.status === "paid") return "This invoice is paid. Thank you: you can close this page.";
  if (found.status === "void") return "This invoice was cancelled. There is nothing to pay.";
  const left = money(found.amount_remaining, found.currency);
  const due = found.due_date ? new Date(found.due_date * 1000).toLocaleDateString("en", { dateStyle: "long" }) : "";
  const paid = found.amount_paid ? `${money(found.amount_paid, found.currency)} came. ` : "";
  return `${paid}${left} to be paid${due && ` by ${due}`}.`;
}

/**
 * @param {string} name
 * @param {string} value
 */
function row(name, value) {
  const line = document.createElement("tr");
  const head = document.createElement("th");
  const cell = document.createElement("td");
  head.scope = "row";
  head.textContent = name;
  cell.textContent = value;
  line.append(head, cell);
  return line;
}

/** @param {string} message */
function complain(message) {
  element("trouble").textContent = message;
  element("trouble").hidden = !message;
}

/**
 * Pay in one way, and show what became of it.
 * @param {string} way
 * @param {object} body
 */
async function pay(way, body) {
  complain("");
  busy(true);
  try {
    show(await ask(`${address}/${way}`, body));
    const asked = way === "pay" && invoice?.status === "open";
    if (asked) complain("The bank asks for 3-D Secure, which this page does not show. Choose another card.");
    else element("heading").focus();
  } catch (error) {
    complain(error instanceof Refused ? error.message : UNREACHED);
  }
  busy(false);
}

/** @param {boolean} working */
function busy(working) {
  for (const button of document.querySelectorAll("button")) button.disabled = working;
}

async function begin() {
  try {
    /** @type {Card[]} */
    const cards = await ask("../test-cards.json");
    field("number").replaceChildren(...cards.map((card) => new Option(`${card.name}: ${card.outcome}`, card.number)));
    show(await ask(`${address}?key=${key}`));
  } catch (error) {
    element("standing").textContent = "";
    complain(error instanceof Refused ? error.message : UNREACHED);
  }
}

element("card").addEventListener("submit", (event) => {
  event.preventDefault();
  pay("pay", { number: field("number").value });
});
element("transfer").addEventListener("submit", (event) => {
  event.preventDefault();
  const amount = Number(field("amount").value.replace(",", "."));
  if (!invoice || !(amount > 0)) return complain("Type how much, for example 24.00.");
  return pay("transfer", { amount: Math.round(amount * 10 ** digits(invoice.currency)) });
});
begin();
