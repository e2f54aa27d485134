// Keeps a payment method without a payment: Stripe's form, the server's answer, the bank's question.

/** @import {Stripe, StripeElementLocale, StripeElements} from "@stripe/stripe-js" */

import { appearance, fonts, loadScript } from "./stripe-form.js";

/**
 * What the server answers.
 * @typedef {object} Answer
 * @property {string} [redirect]
 * @property {{client_secret: string}} [next_action]
 * @property {string} [use_url]
 * @property {{message: string}} [error]
 */

class Keeping {
  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.form = form;
    this.busy = false;
    /** @type {Stripe|undefined} */
    this.stripe = undefined;
    /** @type {StripeElements|undefined} */
    this.elements = undefined;
  }

  async connect() {
    this.form.addEventListener("submit", (event) => this.submitted(event));
    this.form.querySelector("[data-retry]")?.addEventListener("click", () => location.reload());
    try {
      await loadScript(this.read("stripeJs"));
      this.mount();
    } catch {
      this.trouble();
    }
  }

  mount() {
    if (!window.Stripe) return;
    const locale = /** @type {StripeElementLocale} */ (this.read("locale"));
    this.stripe = window.Stripe(this.read("publishableKey"), { locale });
    this.elements = this.stripe.elements({
      locale, mode: "setup", currency: this.read("currency"), paymentMethodCreation: "manual", appearance: appearance(), fonts: fonts(),
    });
    const payment = this.elements.create("payment", { layout: { type: "accordion", radios: "auto" } });
    payment.on("ready", () => this.ready());
    payment.on("loaderror", () => this.trouble());
    payment.mount(/** @type {HTMLElement} */ (this.form.querySelector("[data-element]")));
  }

  ready() {
    this.form.querySelector("[data-waiting]")?.removeAttribute("data-waiting");
    this.form.querySelector("[data-waiting-text]")?.remove();
  }

  trouble() {
    const notice = /** @type {HTMLElement} */ (this.form.querySelector("[data-notice]"));
    const words = /** @type {HTMLElement} */ (notice.querySelector("[data-notice-text]"));
    words.textContent = this.read("notLoaded");
    notice.hidden = false;
  }

  /** @param {SubmitEvent} event */
  async submitted(event) {
    event.preventDefault();
    if (this.busy || !this.elements) return;
    this.working(true);
    try {
      await this.keep();
    } catch {
      this.tell(this.read("failed"));
    }
    this.working(false);
  }

  async keep() {
    const { stripe, elements } = this;
    if (!stripe || !elements) return;
    const { error } = await elements.submit();
    if (error) return this.tell(error.message ?? this.read("failed"));
    const made = await stripe.createConfirmationToken({ elements, params: { return_url: this.read("pageUrl") } });
    if (made.error) return this.tell(made.error.message ?? this.read("failed"));
    await this.follow(await this.post(this.read("keepUrl"), { confirmation_token: made.confirmationToken.id }));
  }

  /** @param {Answer} answer */
  async follow(answer) {
    if (answer.redirect) return location.assign(answer.redirect);
    if (answer.next_action && answer.use_url) {
      // Its result is a hint from the browser; only the server's answer counts.
      await Promise.allSettled([this.stripe?.handleNextAction({ clientSecret: answer.next_action.client_secret })]);
      const settled = await this.post(answer.use_url, {});
      return settled.redirect ? location.assign(settled.redirect) : this.tell(settled.error?.message ?? this.read("failed"));
    }
    this.tell(answer.error?.message ?? this.read("failed"));
  }

  /**
   * @param {string} url
   * @param {object} body
   * @returns {Promise<Answer>}
   */
  async post(url, body) {
    const response = await fetch(url, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    return response.ok ? response.json() : {};
  }

  /** @param {string} sentence */
  tell(sentence) {
    const place = /** @type {HTMLElement} */ (this.form.querySelector("[data-error]"));
    place.textContent = sentence;
    place.hidden = false;
    place.focus();
  }

  /** @param {boolean} busy */
  working(busy) {
    this.busy = busy;
    this.form.setAttribute("aria-busy", String(busy));
    const action = /** @type {HTMLElement} */ (this.form.querySelector("[data-action]"));
    if (busy) action.setAttribute("aria-disabled", "true");
    else action.removeAttribute("aria-disabled");
  }

  /** @param {string} name */
  read(name) {
    return this.form.dataset[name] ?? "";
  }
}

const form = document.querySelector("[data-controller=account]");
if (form) new Keeping(/** @type {HTMLFormElement} */ (form)).connect();
