// The simulated Address Element: one set of fields, with those that the chosen country has.

import { dress, Frame, inputWith, PRESS_MS, tell } from "./frame.js";
import { ANY_POSTAL_CODE, POSTAL_CODES, STATES, WITHOUT_POSTAL_CODE } from "./regions.js";

const INCOMPLETE = "This field is incomplete.";
const REQUIRED = ["name", "line1", "city", "state", "postal_code"];
const TYPED = [...REQUIRED, "line2"];

const country = /** @type {HTMLSelectElement} */ (document.getElementById("country"));
const state = /** @type {HTMLSelectElement} */ (document.getElementById("state"));
const countries = /** @type {HTMLTemplateElement} */ (document.getElementById("countries"));
const more = /** @type {HTMLElement} */ (document.getElementById("more"));

let mode = "billing";

const frame = new Frame({
  read: () => read(),
  validate: () => validate(),
  update: ({ appearance }) => dress(appearance),
  focus: () => inputWith(REQUIRED.find((id) => problemOf(id)) ?? "name").focus(),
  blur: () => TYPED.forEach((id) => inputWith(id).blur()),
  clear: () => fill({ name: "", address: { line1: "", line2: "", city: "", state: "", postal_code: "", country: country.value } }),
});

/** @param {string} id */
function isAsked(id) {
  return document.getElementById(`${id}-field`)?.hidden !== true;
}

/** @param {string} id */
function valueOf(id) {
  return isAsked(id) ? inputWith(id).value.trim() : "";
}

/** @param {string} id */
function problemOf(id) {
  if (!isAsked(id)) return "";
  const shape = id === "postal_code" ? postalCode().shape : /\S/;
  return shape.test(valueOf(id)) ? "" : INCOMPLETE;
}

function postalCode() {
  return POSTAL_CODES[country.value] ?? ANY_POSTAL_CODE;
}

function isComplete() {
  return REQUIRED.every((id) => problemOf(id) === "");
}

function value() {
  return {
    name: valueOf("name"),
    address: {
      line1: valueOf("line1"),
      line2: valueOf("line2") || null,
      city: valueOf("city"),
      state: valueOf("state"),
      postal_code: valueOf("postal_code"),
      country: country.value,
    },
  };
}

/** The value; asking for it shows what is missing. */
function read() {
  validate();
  return { complete: isComplete(), isNewAddress: true, value: value() };
}

function validate() {
  for (const id of REQUIRED) tell(inputWith(id), problemOf(id));
  if (isComplete()) return undefined;
  return { type: "validation_error", code: "incomplete_address", message: `Your ${mode} address is incomplete.` };
}

function changed() {
  frame.emit("change", {
    elementMode: mode,
    complete: isComplete(),
    empty: TYPED.every((id) => valueOf(id) === ""),
    isNewAddress: true,
    value: value(),
  });
}

// -- the fields of a country ----------------------------------------------------------------------

function countryChosen() {
  const region = STATES[country.value];
  show("state", region !== undefined);
  show("postal_code", !WITHOUT_POSTAL_CODE.has(country.value));
  if (region) offerStates(region);
  label("postal_code", postalCode().label);
  inputWith("postal_code").inputMode = postalCode().digits ? "numeric" : "text";
  for (const id of ["state", "postal_code"]) tell(inputWith(id), "");
}

/**
 * @param {string} id
 * @param {boolean} shown
 */
function show(id, shown) {
  const field = document.getElementById(`${id}-field`);
  if (field) field.hidden = !shown;
}

/** @param {import("./regions.js").Region} region */
function offerStates(region) {
  const codes = region.codes.split(" ");
  if (codes.every((code) => [...state.options].some((option) => option.value === code))) return;
  label("state", region.label);
  state.replaceChildren(new Option("", ""), ...codes.map((code) => new Option(code, code)));
}

/**
 * @param {string} id
 * @param {string} words
 */
function label(id, words) {
  const place = document.querySelector(`label[for="${id}"]`);
  if (place) place.textContent = words;
}

/** @param {string[]|null|undefined} allowed */
function allowCountries(allowed) {
  if (allowed) for (const option of offered()) if (!allowed.includes(option.value)) option.remove();
}

/** Those that wait in the template: to style hundreds of them is more than a first look is worth. */
function offered() {
  return /** @type {NodeListOf<HTMLOptionElement>} */ (countries.content.querySelectorAll("option"));
}

/** @param {string} [code] the likely one where it is none that may be chosen */
function chooseCountry(code) {
  const all = [...offered()];
  const chosen = all.find(({ value }) => value === code) ?? all.find((option) => option.hasAttribute("selected")) ?? all[0];
  if (country.options.length > 1 && chosen) country.value = chosen.value;
  else if (chosen) country.replaceChildren(chosen.cloneNode(true));
}

function offerCountries() {
  const { value } = country;
  country.replaceChildren(countries.content.cloneNode(true));
  country.value = value;
}

/** @param {any} values */
function fill({ name, address = {} }) {
  if (address.country) chooseCountry(address.country);
  countryChosen();
  const typed = { name, ...address };
  for (const id of TYPED) if (typed[id] !== undefined && typed[id] !== null) inputWith(id).value = typed[id];
  if (inputWith("line2").value) unfold();
  changed();
}

function unfold() {
  show("line2", true);
  more.hidden = true;
}

// -- beginning --------------------------------------------------------------------------------------

/** @param {string} id */
function left(id) {
  const typed = valueOf(id) !== "" || inputWith(id).getAttribute("aria-invalid") === "true";
  if (typed) setTimeout(() => tell(inputWith(id), problemOf(id)), PRESS_MS);
  frame.emit("blur");
}

function connect() {
  for (const id of TYPED) {
    inputWith(id).addEventListener("input", () => changed());
    inputWith(id).addEventListener("focus", () => frame.emit("focus"));
    inputWith(id).addEventListener("blur", () => left(id));
  }
  for (const id of REQUIRED) inputWith(id).addEventListener("input", () => tell(inputWith(id), ""));
  country.addEventListener("change", () => {
    countryChosen();
    changed();
  });
  more.addEventListener("click", () => {
    unfold();
    inputWith("line2").focus();
  });
  document.querySelector("form")?.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("keydown", (event) => event.key === "Escape" && frame.emit("escape"));
}

frame.listen(({ appearance, options = {} }) => {
  mode = options.mode ?? "billing";
  dress(appearance);
  allowCountries(options.allowedCountries);
  chooseCountry();
  connect();
  countryChosen();
  if (options.defaultValues) fill(options.defaultValues);
  frame.resize();
  frame.emit("ready");
  setTimeout(offerCountries);
});
