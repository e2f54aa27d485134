// Records where a visitor has a hard time: which field is left, corrected or complained about, how
// long each section takes. Names, numbers and states, never a value, a key or a text: of Stripe's
// forms it knows what Stripe.js tells, of our own fields whether they are empty or complete.

/** @import {Funnel} from "./funnel.js" */

/** @typedef {"empty"|"incomplete"|"complete"} State */

/**
 * One of our inputs, or one of Stripe's Elements as a whole.
 * @typedef {object} Field
 * @property {boolean} left whether it was left with something in it
 * @property {"error"|"leaving"} [again] why a change in it would be a correction
 * @property {ReturnType<typeof setTimeout>} [leaving]
 */

const MOST_EVENTS = 50;
const MOST_TELLINGS = 20;
// Between two fields of one Element Stripe.js tells of a blur and a focus.
const LEFT_AFTER_MS = 100;
// What our templates call places that are pressed; `service/web/friction.py` takes no others.
const PLACES = ["action", "heading", "retry", "hosted", "invoice", "check-again", "go-to", "notice"];
const IDLE_AFTER_MS = 30_000;
const SHORTEST_MS = 250;
const RAGE_CLICKS = 3;
const RAGE_MS = 1_000;
const RAGE_PX = 30;

export class Friction {
  /**
   * @param {HTMLElement} form
   * @param {Funnel} funnel whose beacons carry what is recorded here
   */
  constructor(form, funnel) {
    this.form = form;
    this.funnel = funnel;
    this.recorded = 0;
    this.omitted = 0;
    this.tellings = 0;
    this.step = "";
    this.section = "";
    this.visible = document.visibilityState === "visible";
    this.since = performance.now();
    /** @type {Map<string, number>} active milliseconds that were not told yet, by section */
    this.times = new Map();
    /** @type {Map<string, Field>} */
    this.fields = new Map();
    /** @type {Set<string>} sections whose error nobody has answered by a change yet */
    this.wrong = new Set();
    /** @type {MouseEvent[]} */
    this.clicks = [];
    this.raged = -RAGE_MS;
  }

  connect() {
    this.form.addEventListener("focusin", (event) => this.ofInput(event, (input) => this.entered(sectionOf(input), input.name)));
    this.form.addEventListener("focusout", (event) => this.ofInput(event, (input) => this.left(sectionOf(input), input.name, () => stateOf(input))));
    this.form.addEventListener("input", (event) => this.ofInput(event, (input) => this.changed(sectionOf(input), input.name)));
    document.addEventListener("click", (event) => this.clicked(event), { capture: true });
    for (const sign of ["pointermove", "pointerdown", "scroll"]) addEventListener(sign, () => this.count(), { passive: true });
    document.addEventListener("visibilitychange", () => this.seen(document.visibilityState === "visible"));
    addEventListener("pagehide", () => this.tell());
  }

  // -- what happens -----------------------------------------------------------------------------

  /** @param {HTMLElement} step */
  stepShown(step) {
    const name = step.dataset.step ?? "";
    if (name === this.step) return;
    this.step = name;
    this.record("step_shown", { step: name });
    this.enter(/** @type {HTMLElement|null} */ (step.querySelector("[data-section]"))?.dataset.section ?? "");
  }

  /** @param {string} element */
  elementReady(element) {
    this.record("element_ready", { element, milliseconds: Math.round(performance.now()) });
  }

  /**
   * @param {string} section
   * @param {string} field
   */
  entered(section, field) {
    this.enter(section);
    const known = this.fieldOf(field);
    clearTimeout(known.leaving);
    if (this.wrong.has(section)) known.again = "error";
    else if (known.left) known.again = "leaving";
  }

  /**
   * @param {string} section
   * @param {string} field
   * @param {() => State} stateNow asked once it is sure that the field was left
   */
  left(section, field, stateNow) {
    this.count();
    const known = this.fieldOf(field);
    clearTimeout(known.leaving);
    known.leaving = setTimeout(() => {
      const state = stateNow();
      known.left = state !== "empty";
      known.again = undefined;
      this.record("field_left", { section, field, state });
    }, LEFT_AFTER_MS);
  }

  /**
   * @param {string} section
   * @param {string} field
   */
  changed(section, field) {
    this.count();
    const known = this.fieldOf(field);
    if (!known.again) return;
    this.record("field_corrected", { section, field, after: known.again });
    this.wrong.delete(section);
    known.again = undefined;
  }

  /**
   * @param {string} section
   * @param {string} code
   */
  errorShown(section, code) {
    this.record("error_shown", { section, code });
    this.wrong.add(section);
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const { target, timeStamp } = event;
    // Keys press buttons too, and three clicks on an input select what is in it.
    if (event.detail === 0 || !(target instanceof Element) || target.closest("input")) return;
    if (timeStamp - this.raged < RAGE_MS) {
      this.raged = timeStamp;
      return;
    }
    this.clicks = [...this.clicks.filter((before) => isNear(before, event)), event];
    if (this.clicks.length < RAGE_CLICKS) return;
    this.clicks = [];
    this.raged = timeStamp;
    const section = sectionOf(target);
    this.record("rage_clicked", { target: nameOf(target), ...(section && { section }) });
  }

  // -- time -------------------------------------------------------------------------------------

  /** @param {string} section the one the visitor is in from now on */
  enter(section) {
    this.count();
    this.section = section;
  }

  /** Adds the time since the last sign of life to the section; of a long silence only its start. */
  count() {
    const now = performance.now(), passed = Math.min(now - this.since, IDLE_AFTER_MS);
    this.since = now;
    if (this.visible && this.section) this.times.set(this.section, (this.times.get(this.section) ?? 0) + passed);
  }

  /** @param {boolean} visible */
  seen(visible) {
    this.count();
    this.visible = visible;
    if (!visible) this.tell();
  }

  /** Hands over what adds up, before the page may go away. */
  tell() {
    this.count();
    if (this.omitted > 0) this.funnel.note("events_omitted", { count: this.omitted });
    this.omitted = 0;
    if (this.tellings >= MOST_TELLINGS) return;
    const long = [...this.times].filter(([, passed]) => passed >= SHORTEST_MS);
    if (long.length > 0) this.tellings += 1;
    for (const [section, passed] of long) {
      this.times.delete(section);
      this.funnel.note("section_timed", { section, milliseconds: Math.round(passed) });
    }
  }

  // -- the records ------------------------------------------------------------------------------

  /**
   * @param {string} name
   * @param {Record<string, string|number>} properties
   */
  record(name, properties) {
    this.recorded += 1;
    if (this.recorded <= MOST_EVENTS) this.funnel.note(name, properties);
    else this.omitted += 1;
  }

  /**
   * @param {string} field
   * @returns {Field}
   */
  fieldOf(field) {
    const known = this.fields.get(field) ?? { left: false };
    this.fields.set(field, known);
    return known;
  }

  /**
   * @param {Event} event
   * @param {(input: HTMLInputElement) => void} act
   */
  ofInput({ target }, act) {
    if (target instanceof HTMLInputElement && target.name && sectionOf(target)) act(target);
  }
}

/**
 * The name of a sentence of ours; those of Stripe and of banks have none.
 * @param {string} message
 * @param {string} otherwise
 */
export function codeOf(message, otherwise) {
  const texts = /** @type {HTMLTemplateElement} */ (document.querySelector("template[data-texts]"));
  const sentences = /** @type {HTMLElement[]} */ ([...texts.content.querySelectorAll("[data-text]")]);
  return sentences.find((sentence) => sentence.textContent === message)?.dataset.text ?? otherwise;
}

/** @param {Element} element */
function sectionOf(element) {
  return /** @type {HTMLElement|null} */ (element.closest("[data-section]"))?.dataset.section ?? "";
}

/**
 * @param {HTMLInputElement} input
 * @returns {State}
 */
function stateOf(input) {
  if (input.value === "") return "empty";
  return input.validity.valid ? "complete" : "incomplete";
}

/**
 * @param {MouseEvent} before
 * @param {MouseEvent} now
 */
function isNear(before, now) {
  return now.timeStamp - before.timeStamp < RAGE_MS && Math.hypot(now.clientX - before.clientX, now.clientY - before.clientY) < RAGE_PX;
}

/**
 * What an element is called in our templates, else its kind; never what it says.
 * @param {Element} element
 */
function nameOf(element) {
  for (let at = /** @type {Element|null} */ (element); at && !at.matches("[data-section], [data-step], [data-controller]"); at = at.parentElement) {
    const place = at;
    const name = PLACES.find((each) => place.hasAttribute(`data-${each}`));
    if (name) return name;
  }
  if (element.closest("a")) return "link";
  return element.closest("button") ? "button" : "elsewhere";
}
