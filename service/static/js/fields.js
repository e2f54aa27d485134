// Inputs of our own beside the email: what a section asks for that a merchant added.

/** @typedef {HTMLInputElement|HTMLSelectElement|HTMLTextAreaElement} Input */

// As the server takes it.
const LONGEST = 255;

export class Fields {
  /**
   * @param {HTMLElement} form
   * @param {Record<string, string>} before what was typed before, perhaps on another page
   */
  constructor(form, before) {
    this.before = before;
    this.inputs = /** @type {Input[]} */ ([...form.querySelectorAll("[data-field]")]);
    for (const input of this.inputs) restore(input, before[input.name]);
  }

  /**
   * @param {() => void} changed
   * @param {(section: string, message: string|undefined) => void} left with what is wrong in what was typed
   */
  connect(changed, left) {
    for (const input of this.inputs) {
      input.addEventListener("input", () => changed());
      input.addEventListener("blur", () => left(sectionOf(input), valueOf(input) && isWrong(input) ? messageOf(input) : undefined));
    }
  }

  /** The sections that have such inputs on this page. */
  get sections() {
    return [...new Set(this.inputs.map(sectionOf))];
  }

  /** @returns {Record<string, string>} also what was typed on the page before */
  values() {
    const values = { ...this.before, ...Object.fromEntries(this.inputs.map(({ name }) => [name, ""])) };
    // Of radio buttons with one name the chosen one counts.
    for (const input of this.inputs) values[input.name] ||= valueOf(input);
    return values;
  }

  /**
   * @param {string} section
   * @returns {string|undefined} what is wrong in it, in the words of its template
   */
  problemOf(section) {
    const input = this.inputs.find((each) => sectionOf(each) === section && isWrong(each));
    return input && messageOf(input);
  }

  /** @returns {Record<string, string|undefined>} what is wrong, by section */
  problems() {
    return Object.fromEntries(this.sections.map((section) => [section, this.problemOf(section)]));
  }

  isComplete() {
    return !this.inputs.some(isWrong);
  }

  /**
   * To what is wrong in the section, else to its beginning.
   * @param {string} section
   */
  focus(section) {
    const own = this.inputs.filter((each) => sectionOf(each) === section);
    (own.find(isWrong) ?? own[0])?.focus();
  }
}

/** @param {Input} input */
function isChoice(input) {
  return input.type === "checkbox" || input.type === "radio";
}

/** @param {Input} input */
function valueOf(input) {
  const chosen = !isChoice(input) || /** @type {HTMLInputElement} */ (input).checked;
  return chosen ? input.value.trim() : "";
}

/**
 * @param {Input} input
 * @param {string|undefined} before
 */
function restore(input, before) {
  if (before === undefined) return;
  if (isChoice(input)) /** @type {HTMLInputElement} */ (input).checked = input.value === before;
  else input.value = before;
}

/** @param {Input} input */
function isMissing(input) {
  return input.validity.valueMissing || (input.required && !isChoice(input) && input.value.trim() === "");
}

/** @param {Input} input */
function isWrong(input) {
  return isMissing(input) || !input.checkValidity() || input.value.length > LONGEST;
}

/** @param {Input} input */
function messageOf(input) {
  return (isMissing(input) ? input.dataset.missing : input.dataset.wrong) ?? (input.validationMessage || input.name);
}

/** @param {Input} input */
function sectionOf(input) {
  return /** @type {HTMLElement|null} */ (input.closest("[data-section]"))?.dataset.section ?? "";
}
