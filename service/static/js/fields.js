// Inputs of our own beside the email: what a section asks for that a merchant added.

/** @typedef {HTMLInputElement|HTMLSelectElement|HTMLTextAreaElement} Input */

export class Fields {
  /**
   * @param {HTMLElement} form
   * @param {Record<string, string>} before what was typed before, perhaps on another page
   */
  constructor(form, before) {
    this.before = before;
    this.inputs = /** @type {Input[]} */ ([...form.querySelectorAll("[data-field]")]);
    for (const input of this.inputs) input.value = before[input.name] ?? input.value;
  }

  /**
   * @param {() => void} changed
   * @param {(section: string, empty: boolean) => void} left
   */
  connect(changed, left) {
    for (const input of this.inputs) {
      input.addEventListener("input", () => changed());
      input.addEventListener("blur", () => left(sectionOf(input), input.value === ""));
    }
  }

  /** The sections that have such inputs on this page. */
  get sections() {
    return [...new Set(this.inputs.map(sectionOf))];
  }

  /** @returns {Record<string, string>} also what was typed on the page before */
  values() {
    return { ...this.before, ...Object.fromEntries(this.inputs.map(({ name, value }) => [name, value.trim()])) };
  }

  /**
   * @param {string} section
   * @returns {string|undefined} what is wrong in it, in the words of its template
   */
  problemOf(section) {
    const input = this.inputs.find((each) => sectionOf(each) === section && isWrong(each));
    return input && (isMissing(input) ? input.dataset.missing : input.dataset.wrong);
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
function isMissing(input) {
  return input.required && input.value.trim() === "";
}

/** @param {Input} input */
function isWrong(input) {
  return isMissing(input) || !input.checkValidity();
}

/** @param {Input} input */
function sectionOf(input) {
  return /** @type {HTMLElement|null} */ (input.closest("[data-section]"))?.dataset.section ?? "";
}
