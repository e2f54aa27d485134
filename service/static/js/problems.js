// Shows what keeps the visitor from going on: beside the field, and in a summary with links.

/**
 * @typedef {object} Problem
 * @property {string} section
 * @property {string} message
 */

export class Problems {
  /**
   * @param {HTMLElement} form
   * @param {(section: string) => void} focusSection
   * @param {(section: string, message: string, verdict?: "refused"|"unpaid") => void} onShow
   */
  constructor(form, focusSection, onShow) {
    this.form = form;
    this.focusSection = focusSection;
    this.onShow = onShow;
  }

  /**
   * @param {Problem[]} problems
   * @param {HTMLElement} step
   */
  show(problems, step) {
    this.clear();
    for (const problem of problems) this.mark(problem.section, problem.message);
    const summary = /** @type {HTMLElement} */ (step.querySelector("[data-problems]"));
    summary.querySelector("ul")?.replaceChildren(...problems.map((problem) => this.link(problem)));
    summary.hidden = false;
    summary.focus();
  }

  clear() {
    for (const summary of this.form.querySelectorAll("[data-problems]")) hide(summary);
    for (const slot of this.form.querySelectorAll("[data-error]")) this.unmark(dataOf(slot, "error"));
  }

  /**
   * @param {string} section
   * @param {string} message
   * @param {"refused"|"unpaid"} [verdict] where it is the answer to a payment
   * @returns {HTMLElement} where the message stands
   */
  mark(section, message, verdict) {
    this.unmark(section);
    this.onShow(section, message, verdict);
    const slot = this.slot(section);
    slot.textContent = message;
    slot.hidden = false;
    this.invalidate(section, true);
    return slot;
  }

  /**
   * The answer to a payment, as opposed to something the visitor left out.
   * @param {string} section
   * @param {string} message
   * @param {"refused"|"unpaid"} verdict
   */
  judge(section, message, verdict) {
    const slot = this.mark(section, message, verdict);
    slot.dataset.verdict = verdict;
    slot.focus();
  }

  /**
   * Whether the section shows the answer to a payment.
   * @param {string} section
   */
  judged(section) {
    return this.slot(section).dataset.verdict !== undefined;
  }

  /** @param {string} section */
  unmark(section) {
    const slot = this.slot(section);
    slot.textContent = "";
    slot.hidden = true;
    delete slot.dataset.verdict;
    this.invalidate(section, false);
  }

  /**
   * @param {string} section
   * @param {boolean} invalid
   */
  invalidate(section, invalid) {
    const place = this.form.querySelector(`[data-section="${section}"]`);
    place?.toggleAttribute("data-invalid", invalid);
    const inputs = place ? [...place.querySelectorAll("input, select, textarea")] : [];
    const wrong = inputs.find((input) => input.matches(":invalid")) ?? inputs[0];
    for (const input of inputs) input.setAttribute("aria-invalid", String(invalid && input === wrong));
  }

  /** @param {string} section */
  slot(section) {
    return /** @type {HTMLElement} */ (this.form.querySelector(`[data-error="${section}"]`));
  }

  /** @param {Problem} problem */
  link({ section, message }) {
    const link = document.createElement("a");
    link.href = `#${section}-title`;
    link.textContent = message;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      this.focusSection(section);
    });
    const item = document.createElement("li");
    item.append(link);
    return item;
  }
}

/** @param {Element} element */
function hide(element) {
  /** @type {HTMLElement} */ (element).hidden = true;
}

/**
 * @param {Element} element
 * @param {string} name
 */
function dataOf(element, name) {
  return /** @type {HTMLElement} */ (element).dataset[name] ?? "";
}
