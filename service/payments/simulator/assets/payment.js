// The simulated Payment Element: the methods that may be paid with, one below the other.

import { bank, writeMandate } from "./bank.js";
import { card } from "./card.js";
import { dress, Frame, inputWith, PRESS_MS, tell } from "./frame.js";
import { rowOf } from "./saved.js";
import { wallets } from "./wallets.js";

/** @import { PaymentWalletsOption } from "@stripe/stripe-js" */
/** @import { Setting } from "./frame.js" */
/** @import { Method } from "./saved.js" */

/**
 * What is wrong with what was typed, in Stripe's words.
 * @typedef {{code: string, message: string}|undefined} Problem
 */

/**
 * New details of one kind of payment method.
 * @typedef {object} Form
 * @property {string} type as Stripe.js calls the choice
 * @property {"card"|"link"|"us_bank_account"} pays the type of the payment method it makes
 * @property {keyof PaymentWalletsOption} [option] of a wallet: by which a page hides it
 * @property {HTMLInputElement[]} fields
 * @property {(field: HTMLInputElement) => Problem} problemOf
 * @property {() => Promise<void>} learn which numbers are accepted
 * @property {() => void} watch what is typed
 * @property {() => object} entered as the token is made of it
 */

/**
 * What the server says may be offered.
 * @typedef {object} Session
 * @property {string[]} payment_method_types
 * @property {{payment_methods: Method[], remove: boolean, save: boolean}|null} customer
 */

const ELEMENTS = "../v1/elements";
const TOKENS = "../v1/confirmation_tokens";
const FORMS = [card, bank, ...wallets];

const methods = elementWith("methods");
const saved = elementWith("saved");
const saving = elementWith("saving");
const save = inputWith("save");

/** @type {Setting} */
let setting = {};
/** @type {Session} */
let session = { payment_method_types: [], customer: null };
/** The type of new details, or the id of a saved method. */
let selected = "";

const frame = new Frame({
  validate: () => validate(),
  selected: () => chosenType(),
  tokenize: (order) => tokenize(order),
  update: (changes) => update(changes),
  focus: () => focusable().focus(),
  blur: () => /** @type {HTMLElement|null} */ (document.activeElement)?.blur(),
  clear: () => clear(),
});

/** @param {string} id */
function elementWith(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

// -- what is chosen -----------------------------------------------------------------------------

/** The new details that are asked for, or undefined where a saved method is chosen. */
function chosenForm() {
  return FORMS.find(({ type }) => type === selected);
}

function chosenMethod() {
  return savedMethods().find(({ id }) => id === selected);
}

function chosenType() {
  return chosenMethod()?.type ?? selected;
}

function savedMethods() {
  return session.customer?.payment_methods ?? [];
}

function offeredForms() {
  return FORMS.filter(({ pays, option }) => session.payment_method_types.includes(pays) && !(option && isHidden(option)));
}

/** @param {keyof PaymentWalletsOption} option */
function isHidden(option) {
  return setting.options?.wallets?.[option] === "never";
}

/** @returns {HTMLElement} where the visitor goes on */
function focusable() {
  const form = chosenForm();
  const first = form && (form.fields.find((field) => form.problemOf(field)) ?? form.fields[0]);
  return first ?? inputWith(`method-${selected}`);
}

/** @param {string} choice */
function select(choice) {
  selected = choice;
  const radio = inputWith(`method-${choice}`);
  if (radio) radio.checked = true;
  for (const { type } of FORMS) elementWith(`details-${type}`).hidden = type !== choice;
  const form = chosenForm();
  // What a wallet holds is kept by the wallet.
  saving.hidden = !(session.customer?.save && form && !form.option);
}

// -- what may be chosen ---------------------------------------------------------------------------

function draw() {
  const mayRemove = session.customer?.remove;
  saved.replaceChildren(...savedMethods().map((method) => rowOf(method, mayRemove ? () => remove(method) : undefined)));
  const choices = [...savedMethods().map(({ id }) => id), ...offeredForms().map(({ type }) => type)];
  const many = choices.length > 1;
  methods.classList.toggle("Methods--many", many || savedMethods().length > 0);
  for (const form of FORMS) {
    elementWith(`row-${form.type}`).hidden = !offeredForms().includes(form);
    elementWith(`choice-${form.type}`).hidden = !many;
  }
  select(choices.includes(selected) ? selected : choices[0] ?? "");
}

async function begin() {
  const answer = await post(ELEMENTS, { key: setting.key, elements: setting.elements });
  if (answer.error) throw new Error(answer.error.message);
  session = answer;
  draw();
}

function tellAvailable() {
  const available = FORMS.map((form) => [form.type, { available: offeredForms().includes(form) }]);
  frame.emit("availablepaymentmethodschange", { paymentMethods: Object.fromEntries(available) });
}

/** @param {Setting} changes */
async function update(changes) {
  const [asked, before] = [askedOf(setting), offeredForms().length];
  adopt(changes);
  if (askedOf(changes) === asked) return;
  try {
    await begin();
    if (offeredForms().length !== before) tellAvailable();
    changed();
  } catch {
    frame.emit("loaderror");
  }
}

/**
 * By what it is decided which methods there are.
 * @param {Setting} setting
 */
function askedOf({ elements, options }) {
  return JSON.stringify([elements, options?.wallets]);
}

/** @param {Setting} given */
function adopt(given) {
  setting = given;
  dress(given.appearance);
  writeMandate(given.options ?? {});
}

/** @param {Method} method */
async function remove(method) {
  const secret = setting.elements?.customer_session_client_secret;
  const { error } = await post(`../v1/payment_methods/${method.id}/detach`, { key: setting.key, customer_session_client_secret: secret });
  complain(error?.message ?? "");
  const { id, type, billing_details: billing } = method;
  frame.emit("savedpaymentmethodremove", { success: !error, error: error?.message, payment_method: { id, type, billing_details: billing } });
  if (error || !session.customer) return;
  session.customer.payment_methods = savedMethods().filter((each) => each !== method);
  draw();
  changed();
  // The button that had the focus is gone.
  focusable().focus();
}

/** @param {string} message */
function complain(message) {
  const place = elementWith("methods-error");
  place.textContent = message;
  place.hidden = message === "";
}

// -- what is told and sent -----------------------------------------------------------------------

function validate() {
  const form = chosenForm();
  if (!form) return undefined;
  for (const field of form.fields) tell(field, form.problemOf(field)?.message ?? "");
  const problem = form.fields.map(form.problemOf).find(Boolean);
  return problem && { type: "validation_error", ...problem };
}

function clear() {
  for (const field of FORMS.flatMap(({ fields }) => fields)) {
    field.value = "";
    tell(field, "");
  }
  changed();
}

function changed() {
  const [form, method] = [chosenForm(), chosenMethod()];
  const { id = "", type = selected, billing_details: billing = {} } = method ?? {};
  frame.emit("change", {
    complete: !form || form.fields.every((field) => !form.problemOf(field)),
    empty: Boolean(form?.fields.length && form.fields.every((field) => field.value === "")),
    collapsed: false,
    value: {
      type,
      ...(saving.hidden ? {} : { savePaymentMethod: save.checked }),
      ...(method && { payment_method: { id, type, billing_details: billing } }),
    },
  });
}

/** @param {any} order */
async function tokenize({ billing_details: billing, ...order }) {
  const error = validate();
  if (error) return { error };
  const form = chosenForm();
  if (!form) return send({ ...order, payment_method: { id: selected } });
  const details = { type: form.pays, [form.pays]: form.entered(), billing_details: billing };
  return send({ ...order, payment_method: details, save: !saving.hidden && save.checked });
}

/** @param {object} body */
async function send(body) {
  const answer = await post(TOKENS, body);
  return answer.error ? { error: answer.error } : { confirmationToken: answer };
}

/**
 * @param {string} address
 * @param {object} body
 * @returns {Promise<any>}
 */
async function post(address, body) {
  try {
    const response = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    return await response.json();
  } catch {
    return { error: { type: "api_connection_error", message: "We could not reach the simulator. Check your connection and try again." } };
  }
}

// -- beginning ------------------------------------------------------------------------------------

/**
 * @param {Form} form
 * @param {HTMLInputElement} field
 */
function left(form, field) {
  setTimeout(() => field.value !== "" && tell(field, form.problemOf(field)?.message ?? ""), PRESS_MS);
  frame.emit("blur");
}

/** @param {Event} event */
function chosen({ target }) {
  const radio = /** @type {HTMLInputElement} */ (target);
  if (radio.name === "method") select(radio.value);
  if (radio.name === "method" || radio === save) changed();
}

/** @param {Form} form */
function watch(form) {
  form.watch();
  for (const field of form.fields) {
    field.addEventListener("input", changed);
    field.addEventListener("focus", () => frame.emit("focus"));
    field.addEventListener("blur", () => left(form, field));
  }
}

function connect() {
  FORMS.forEach(watch);
  addEventListener("change", chosen);
  document.querySelector("form")?.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("keydown", (event) => event.key === "Escape" && frame.emit("escape"));
}

frame.listen(async (given) => {
  adopt(given);
  try {
    await Promise.all([begin(), ...FORMS.map((form) => form.learn())]);
    connect();
    frame.resize();
    frame.emit("ready");
    tellAvailable();
    changed();
  } catch {
    frame.emit("loaderror");
  }
});
