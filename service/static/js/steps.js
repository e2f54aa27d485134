// Shows one step at a time. Nothing is unmounted: the other steps stay in the document, inert,
// because moving or removing one of Stripe's iframes would empty it.

const HISTORY_PATIENCE_MS = 800;

export class Steps {
  /**
   * @param {HTMLElement} form
   * @param {(index: number) => void} onShow
   */
  constructor(form, onShow) {
    this.form = form;
    this.steps = /** @type {HTMLElement[]} */ ([...form.querySelectorAll("[data-step]")]);
    this.marks = [...form.querySelectorAll("[data-progress]")];
    // Where the next step is a page of its own.
    this.nextUrl = form.dataset.nextUrl;
    this.onShow = onShow;
    this.index = 0;
    /** @type {(() => void)[]} */
    this.arrivals = [];
  }

  /** @param {boolean} ready whether what the first steps ask for is there already */
  connect(ready) {
    const earlier = Math.min(history.state?.step ?? 0, this.steps.length - 1);
    history.replaceState({ step: earlier }, "");
    addEventListener("popstate", (event) => this.arrive(event.state?.step ?? 0));
    // After a reload the visitor is where they were, if there is what that step builds on.
    if (earlier > 0 && ready) this.show(earlier);
    else if (earlier > 0) history.go(-earlier);
  }

  get current() {
    return /** @type {HTMLElement} */ (this.steps[this.index]);
  }

  get atLast() {
    return !this.nextUrl && this.index === this.steps.length - 1;
  }

  /** @param {Element} element */
  indexOf(element) {
    return this.steps.findIndex((step) => step.contains(element));
  }

  next() {
    return this.go(this.index + 1);
  }

  /**
   * Each step forward is one history entry, so the browser's Back is the way back.
   * @param {number} target
   * @returns {Promise<void>}
   */
  async go(target) {
    if (target > this.index) {
      history.pushState({ step: target }, "");
      this.show(target);
    } else if (target < this.index) {
      const arrived = new Promise((resolve) => this.arrivals.push(() => resolve(undefined)));
      history.go(target - this.index);
      // History can have been cleared behind the page's back; the way back must not hang on it.
      const patience = setTimeout(() => this.arrive(target), HISTORY_PATIENCE_MS);
      await arrived;
      clearTimeout(patience);
    }
  }

  /** @param {number} target */
  arrive(target) {
    if (target !== this.index && target < this.steps.length) this.show(target);
    for (const arrived of this.arrivals.splice(0)) arrived();
  }

  /** @param {number} target */
  show(target) {
    this.index = target;
    this.steps.forEach((step, index) => { step.inert = index !== target; });
    this.marks.forEach((mark, index) => this.markProgress(mark, index));
    this.onShow(target);
    const heading = /** @type {HTMLElement} */ (this.current.querySelector("[data-heading]"));
    heading.focus({ preventScroll: true });
    if (this.form.getBoundingClientRect().top < 0) this.form.scrollIntoView();
  }

  /**
   * @param {Element} mark
   * @param {number} index
   */
  markProgress(mark, index) {
    mark.toggleAttribute("data-done", index < this.index);
    if (index === this.index) mark.setAttribute("aria-current", "step");
    else mark.removeAttribute("aria-current");
  }
}
