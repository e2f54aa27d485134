// The checkout form. It reads its steps and sections from the document and treats every flow
// alike: a press on a step's button checks that step's sections and goes on; the last step pays.

import { watchConnection } from "./connection.js";
import { Details, unsent } from "./details.js";
import { Fields } from "./fields.js";
import { Friction, codeOf } from "./friction.js";
import { Funnel } from "./funnel.js";
import { Problems } from "./problems.js";
import { Doubt, Refusal, Server, within } from "./server.js";
import { Steps } from "./steps.js";
import { StripeForm } from "./stripe-form.js";

/** @import {Typed} from "./details.js" */
/** @import {Problem} from "./problems.js" */
/** @import {Outcome} from "./server.js" */

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
const TOKEN_PATIENCE_MS = 30_000;
const WALLET_PATIENCE_MS = 180_000;
const LEAVING_PATIENCE_MS = 15_000;
const PRESS_MS = 250;
const SESSION_PATIENCE_MS = 3_000;
const ASK_AGAIN_AFTER_MS = [1_000, 1_500, 2_500, 4_000];

class Checkout {
  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.form = form;
    this.settings = settingsOf(form);
    this.began = performance.now();
    this.busy = false;
    this.leaving = false;
    // True while a payment may have been made that the page could not hear about.
    this.inDoubt = false;
    // True while the server has been asked for a payment.
    this.asked = false;
    // What is said while the page is left.
    this.farewell = "leaving";
    this.server = new Server(this.settings.token);
    this.funnel = new Funnel(this.settings.eventsUrl, this.settings.checkoutId);
    this.friction = new Friction(form, this.funnel);
    this.problems = new Problems(form, (section) => this.focusSection(section), (...shown) => this.problemShown(...shown));
    this.steps = new Steps(form, () => this.showStep());
    this.stripe = new StripeForm(form, this.settings, {
      session: () => this.session(),
      onReady: (kind) => this.elementReady(kind),
      onTrouble: (kind, trouble) => this.elementTrouble(kind, trouble),
      onChange: (kind) => this.elementChanged(kind),
      onFocus: (kind) => this.friction.entered(kind, kind),
      onBlur: (kind) => this.friction.left(kind, kind, () => this.stripe.stateOf(kind)),
    });
    this.fields = new Fields(form, this.settings.typed.fields ?? {});
    this.details = new Details(this.server, this.settings.detailsUrl, () => this.typed(), this.settings.kept, this.settings.place);
    /** @type {Record<string, () => Promise<string|undefined>>} what is wrong with a section */
    this.checks = {
      contact: async () => this.emailProblem(),
      address: async () => this.addressProblem(),
    };
    /** @type {Record<string, (outcome: Outcome) => void|Promise<void>>} */
    this.outcomes = {
      succeeded: (outcome) => this.leave(outcome),
      processing: (outcome) => this.leave(outcome),
      requires_action: (outcome) => this.authenticate(outcome),
      requires_payment_method: (outcome) => this.notPaid(outcome),
      checking: (outcome) => this.askAgain(outcome),
    };
  }

  connect() {
    this.form.addEventListener("submit", (event) => this.submitted(event));
    this.form.addEventListener("click", (event) => this.clicked(event));
    this.email?.addEventListener("blur", () => afterPress(() => this.emailLeft()));
    this.email?.addEventListener("input", () => this.details.changed());
    this.email?.addEventListener("change", () => this.detailsChanged());
    this.fields.connect(() => this.details.changed(), (section, message) => afterPress(() => this.fieldLeft(section, message)));
    addEventListener("pageshow", (event) => this.returned(event));
    const offline = /** @type {HTMLElement} */ (this.form.querySelector("[data-offline]"));
    watchConnection(offline, (sentence) => this.connectionSaid(sentence), () => this.connectedAgain());
    if (this.email && this.settings.typed.email) this.email.value = this.settings.typed.email;
    this.details.connect();
    this.steps.connect(this.settings.typed.complete === true);
    this.review();
    // Before the funnel, which sends what waits as the page goes away.
    this.friction.stepShown(this.steps.current);
    this.friction.connect();
    this.funnel.connect(this.settings.beginsAt === 0);
    this.stripe.start();
  }

  /** Where letters go to. */
  get emailAddress() {
    return (this.email ? this.email.value : this.settings.typed.email ?? "").trim();
  }

  /** @returns {HTMLInputElement|null} none where it was asked for on the page before */
  get email() {
    return /** @type {HTMLInputElement|null} */ (this.form.elements.namedItem("email"));
  }

  /**
   * What the visitor typed so far, apart from the payment.
   * @returns {Typed}
   */
  typed() {
    const { typed } = this.settings;
    const complete = this.email ? !this.emailProblem() && this.stripe.isComplete("address") && this.fields.isComplete() : typed.complete;
    return { email: this.emailAddress || null, ...this.stripe.buyer(), fields: this.fields.values(), complete };
  }

  // -- what the visitor does ------------------------------------------------------------------

  /** @param {SubmitEvent} event */
  submitted(event) {
    event.preventDefault();
    if (this.busy) return;
    if (this.steps.atLast) this.working("checking_details", () => this.pay());
    else this.working("checking_details", () => this.advance());
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    if (!button || this.busy) return;
    const { goTo, retry } = button.dataset;
    if (goTo !== undefined) this.steps.go(Number(goTo));
    if (retry !== undefined) this.retryElement(retry);
    if (button.matches("[data-hosted]")) this.working("checking_details", () => this.goToStripe());
    if (button.matches("[data-invoice]")) this.working("checking_details", () => this.askForInvoice());
    if (button.matches("[data-check-again]")) this.working("asking", () => this.checkAgain());
  }

  emailLeft() {
    if (this.emailAddress === "" && !this.marked("contact")) return;
    const message = this.emailProblem() ?? this.fields.problemOf("contact");
    if (message) this.problems.mark("contact", message);
    else this.problems.unmark("contact");
  }

  /**
   * @param {string} section
   * @param {string} [message] what is wrong with what was typed there
   */
  fieldLeft(section, message) {
    if (message) this.problems.mark(section, message);
    else if (!this.fields.problemOf(section) && this.checks[section] === undefined) this.problems.unmark(section);
  }

  detailsChanged() {
    if (this.email && !this.emailProblem() && this.stripe.isComplete("address")) this.funnel.recordOnce("details_completed");
    if (this.stripe.asks("payment") && this.stripe.isComplete("payment")) this.funnel.recordOnce("payment_info_completed");
  }

  /**
   * Back from another page: the browser may show this one as it was left, working.
   * @param {PageTransitionEvent} event
   */
  returned(event) {
    if (!event.persisted) return;
    const leftWorking = this.busy;
    this.rest();
    // From a step before the last, the visitor left for the next one.
    if (leftWorking && this.steps.atLast) this.working("asking", () => this.checkAgain());
  }

  /** @param {string} sentence empty where there is nothing to say; what is under way says more */
  connectionSaid(sentence) {
    if (sentence || !this.busy) this.announce(sentence);
  }

  /** What could not be done without a connection. */
  connectedAgain() {
    this.details.flush();
    for (const kind of this.stripe.pending) if (!this.notice(kind).hidden) this.retryElement(kind);
  }

  // -- details --------------------------------------------------------------------------------

  async advance() {
    const problems = await this.problemsOf(sectionsOf(this.steps.current));
    if (problems.length > 0) return this.report(problems);
    this.problems.clear();
    this.detailsChanged();
    if (this.steps.nextUrl) return this.turnPage(this.steps.nextUrl);
    this.details.flush();
    await this.steps.next();
  }

  /**
   * To a step that is a page of its own, which the server renders with what was typed.
   * @param {string} url
   */
  async turnPage(url) {
    try {
      await this.details.keep();
    } catch (failure) {
      if (failure instanceof Refusal && failure.over) return this.startOver();
      const told = failure instanceof Refusal ? failure.message : "";
      return this.report([{ section: "contact", message: told || this.text("details_not_sent") }]);
    }
    this.depart(url);
  }

  /** @param {string[]} sections */
  async problemsOf(sections) {
    /** @type {Problem[]} */
    const problems = [];
    for (const section of sections) {
      const message = (await this.checks[section]?.()) ?? this.fields.problemOf(section);
      if (message) problems.push({ section, message });
    }
    return problems;
  }

  emailProblem() {
    const email = this.emailAddress;
    if (email === "") return this.text("email_missing");
    return EMAIL.test(email) ? undefined : this.text("email_wrong");
  }

  async addressProblem() {
    if (this.stripe.pending.has("address")) return this.text("address_not_ready");
    return (await this.stripe.checkAddress()) ? undefined : this.text("address_incomplete");
  }

  /** @param {Problem[]} problems */
  async report(problems) {
    this.funnel.record("validation_failed", { fields: problems.map((problem) => problem.section) });
    await this.reveal(problems[0]?.section ?? "");
    this.problems.show(problems, this.steps.current);
    document.title = `${this.text("error_title")} ${this.title()}`;
  }

  // -- payment --------------------------------------------------------------------------------

  async pay() {
    if (this.inDoubt) return this.checkAgain();
    const problems = await this.validate();
    if (problems.length > 0) return this.report(problems);
    this.problems.clear();
    document.title = this.title();
    if (!this.stripe.asks("payment")) return this.sendInvoice();
    this.say("paying");
    this.farewell = "leaving";
    this.funnel.record("payment_submitted");
    const token = await this.makeToken();
    if (token) await this.follow(this.settings.confirmUrl, { confirmation_token: token, email: this.emailAddress, fields: this.fields.values() });
  }

  /** In the place of a payment that is too large for a card, or was declined. */
  async askForInvoice() {
    if (this.inDoubt) return this.checkAgain();
    const problems = await this.problemsOf(["contact", ...this.fields.sections, "address"]);
    if (problems.length > 0) return this.report(problems);
    this.problems.clear();
    document.title = this.title();
    await this.sendInvoice();
  }

  /** Where Stripe's forms can't be shown here, its own page for the order may still be. */
  async goToStripe() {
    if (this.inDoubt) return this.checkAgain();
    const problems = await this.problemsOf(["contact", ...this.fields.sections]);
    if (problems.length > 0) return this.report(problems);
    this.problems.clear();
    document.title = this.title();
    this.say("opening");
    this.farewell = "opening";
    this.funnel.record("payment_submitted");
    await this.follow(this.settings.hostedUrl, { email: this.emailAddress, fields: this.fields.values() });
  }

  async sendInvoice() {
    this.say("invoicing");
    this.farewell = "invoicing";
    this.funnel.record("payment_submitted");
    await this.follow(this.settings.invoiceUrl, { email: this.emailAddress, ...this.stripe.buyer(), fields: this.fields.values() });
  }

  /** @returns {Promise<Problem[]>} */
  async validate() {
    const contact = { contact: this.emailProblem() }, own = this.fields.problems();
    if (!this.stripe.ready) return listed(contact, own, this.notReady());
    // A wallet opens its sheet on submit: not while something else still has to be mended.
    if (this.stripe.opensSheet && listed(contact, own).length > 0) return listed(contact, own);
    const error = await within(this.stripe.submit(), WALLET_PATIENCE_MS);
    return listed(contact, own, error ? this.incomplete(error) : {});
  }

  notReady() {
    const waiting = (/** @type {string} */ kind) => this.stripe.pending.has(kind) && this.text(`${kind}_not_ready`);
    return { address: waiting("address"), payment: waiting("payment") };
  }

  /**
   * Stripe names the first problem only; the page knows which of its Elements are complete.
   * @param {{message?: string}} error
   */
  incomplete(error) {
    if (this.stripe.isComplete("address")) return { payment: error.message };
    return {
      address: this.text("address_incomplete"),
      payment: !this.stripe.isComplete("payment") && this.text("payment_incomplete"),
    };
  }

  async makeToken() {
    try {
      const token = this.stripe.createToken(this.emailAddress, this.settings.returnUrl);
      const { confirmationToken, error } = await within(token, TOKEN_PATIENCE_MS);
      // In the page's words: Stripe's are in its own language, and do not say whether it cost anything.
      if (error?.type === "api_connection_error") await this.decline(this.text("token_failed"));
      else if (error) await this.refuse(error);
      return confirmationToken?.id;
    } catch (failure) {
      if (!(failure instanceof Doubt)) throw failure;
      await this.decline(this.text("token_failed"));
      return undefined;
    }
  }

  /**
   * Asks the server and does what its answer says.
   * @param {string} url
   * @param {object} body
   */
  async follow(url, body) {
    this.asked = true;
    try {
      const outcome = await this.server.post(url, body);
      this.resolveDoubt();
      await this.outcomes[outcome.status]?.(outcome);
    } catch (failure) {
      if (failure instanceof Doubt) await this.raiseDoubt();
      else if (failure instanceof Refusal && failure.over) this.startOver();
      else if (failure instanceof Refusal) await this.decline(failure.message || this.text("declined"));
      else throw failure;
    }
  }

  /** @param {Outcome} outcome */
  async authenticate(outcome) {
    if (!outcome.next_action) return this.decline(this.text("not_authenticated"));
    this.say("authenticating");
    // Its result is a hint from the browser; only the server's answer counts.
    await Promise.allSettled([this.stripe.authenticate(outcome.next_action.client_secret)]);
    this.say("asking");
    const answer = await this.server.post(this.settings.statusUrl, {});
    if (answer.status === "requires_action") return this.decline(this.text("not_authenticated"));
    await this.outcomes[answer.status]?.(answer);
  }

  /** @param {Outcome} outcome */
  async askAgain(outcome) {
    for (const delay of ASK_AGAIN_AFTER_MS) {
      await new Promise((resolve) => setTimeout(resolve, delay));
      const answer = await this.server.post(this.settings.statusUrl, {});
      if (answer.status !== "checking") return this.outcomes[answer.status]?.(answer);
    }
    // The return page goes on asking.
    this.leave(outcome);
  }

  /** @param {Outcome} outcome */
  leave(outcome) {
    this.say(this.farewell);
    this.depart(outcome.redirect ?? this.settings.returnUrl);
  }

  /** @param {string} url */
  depart(url) {
    this.leaving = true;
    this.friction.tell();
    this.funnel.flush();
    location.assign(url);
    setTimeout(() => this.rest(), LEAVING_PATIENCE_MS);
  }

  /** The page that the server shows now says why, and leads to a new order. */
  startOver() {
    this.depart(location.pathname);
  }

  /** @param {Outcome} outcome */
  notPaid(outcome) {
    if (!outcome.error) return this.reassure();
    if (outcome.switch) this.offer(outcome.switch);
    return this.refuse(outcome.error);
  }

  /**
   * Other ways to pay the same order; nothing that was typed is lost.
   * @param {{bank_debit: boolean, invoice: boolean}} ways
   */
  offer(ways) {
    const show = (/** @type {string} */ name, /** @type {boolean} */ shown) => {
      const place = this.form.querySelector(`[data-${name}]`);
      if (place) /** @type {HTMLElement} */ (place).hidden = !shown;
    };
    show("bank-debit", ways.bank_debit);
    show("invoice-offer", ways.invoice);
    show("switch", true);
  }

  /** @param {{message?: string}} error */
  refuse(error) {
    return this.decline(error.message ?? this.text("declined"));
  }

  /** @param {string} message */
  async decline(message) {
    // A step that is a page of its own, before the one that pays.
    if (!this.form.querySelector('[data-section="payment"]')) return this.report([{ section: "contact", message }]);
    await this.reveal("payment");
    document.title = `${this.text("error_title")} ${this.title()}`;
    this.problems.judge("payment", message, "refused");
  }

  async reassure() {
    await this.reveal("payment");
    this.problems.judge("payment", this.text("not_charged"), "unpaid");
  }

  // -- doubt: the answer to a payment was lost --------------------------------------------------

  get doubt() {
    return /** @type {HTMLElement|null} */ (this.form.querySelector("[data-doubt]"));
  }

  async raiseDoubt() {
    this.inDoubt = true;
    this.friction.errorShown("payment", "doubt");
    // A step that is a page of its own has no place to say it: the last page asks, and says it.
    if (!this.doubt) return this.depart(this.settings.returnUrl);
    await this.reveal("payment");
    this.doubt.hidden = false;
    this.doubt.focus();
  }

  /**
   * @param {string} section
   * @param {string} message
   * @param {"refused"|"unpaid"} [verdict]
   */
  problemShown(section, message, verdict) {
    if (verdict !== "unpaid") this.friction.errorShown(section, codeOf(message, verdict ? "declined" : "other"));
  }

  resolveDoubt() {
    this.inDoubt = false;
    if (this.doubt) this.doubt.hidden = true;
  }

  async checkAgain() {
    this.say("asking");
    await this.follow(this.settings.statusUrl, {});
  }

  /**
   * What the customer keeps; without it the form is what it is for anybody.
   * @returns {Promise<string|undefined>}
   */
  async session() {
    if (!this.settings.sessionUrl || !this.stripe.asks("payment")) return undefined;
    try {
      const response = await within(this.server.send(this.settings.sessionUrl, {}), SESSION_PATIENCE_MS);
      const answer = response.ok ? await response.json() : {};
      return answer.client_secret ?? undefined;
    } catch {
      return undefined;
    }
  }

  // -- the two Elements -------------------------------------------------------------------------

  /** @param {string} kind */
  elementReady(kind) {
    // That it took long is no longer so, also for ears.
    if (!this.notice(kind).hidden && !this.busy) this.announce("");
    this.friction.elementReady(kind);
    this.notice(kind).hidden = true;
    const host = this.form.querySelector(`[data-element="${kind}"]`);
    host?.parentElement?.removeAttribute("data-waiting");
    host?.parentElement?.querySelector("[data-waiting-text]")?.remove();
    if (kind === "payment") this.funnel.recordOnce("payment_form_ready", { milliseconds: this.elapsed() });
  }

  /**
   * @param {string} kind
   * @param {"slow"|"failed"} trouble
   */
  elementTrouble(kind, trouble) {
    this.friction.errorShown(kind, trouble);
    const notice = this.notice(kind);
    const words = /** @type {HTMLElement} */ (notice.querySelector("[data-notice-text]"));
    words.textContent = this.text(trouble);
    notice.hidden = false;
    this.waitInVain(kind, trouble === "failed");
    this.announce(this.text(trouble));
  }

  /**
   * What was missing and is there now is not complained about any longer.
   * @param {string} kind
   */
  elementChanged(kind) {
    this.friction.changed(kind, kind);
    this.detailsChanged();
    if (kind === "address") this.addressChanged();
    afterPress(() => {
      if (this.stripe.isComplete(kind) && !this.problems.judged(kind)) this.problems.unmark(kind);
    });
  }

  addressChanged() {
    this.details.changed();
    this.review();
  }

  /**
   * What does not come any more is not waited for: one of Stripe's forms, or all without Stripe.js.
   * @param {string} kind
   * @param {boolean} failed
   */
  waitInVain(kind, failed) {
    for (const place of this.form.querySelectorAll("[data-waiting]")) {
      const own = place.querySelector(`[data-element="${kind}"]`) !== null;
      if (own || !this.stripe.loaded) place.toggleAttribute("data-failed", failed);
    }
  }

  /** @param {string} kind */
  retryElement(kind) {
    this.notice(kind).hidden = true;
    this.waitInVain(kind, false);
    this.stripe.retry(kind);
  }

  /** @param {string} kind */
  notice(kind) {
    return /** @type {HTMLElement} */ (this.form.querySelector(`[data-notice="${kind}"]`));
  }

  elapsed() {
    return Math.round(performance.now() - this.began);
  }

  // -- what is shown ----------------------------------------------------------------------------

  /**
   * Runs one piece of work with the form marked busy, and never leaves it so.
   * @param {string} words
   * @param {() => Promise<void>} work
   */
  async working(words, work) {
    this.busy = true;
    this.leaving = false;
    this.form.setAttribute("aria-busy", "true");
    this.action.setAttribute("aria-disabled", "true");
    this.announce(this.text(words));
    try {
      await work();
    } catch (failure) {
      // Not foreseen, so the page cannot claim that nothing was charged.
      if (this.steps.atLast || this.asked) await this.raiseDoubt();
      throw failure;
    } finally {
      if (!this.leaving) this.rest();
    }
  }

  rest() {
    this.busy = false;
    this.form.removeAttribute("aria-busy");
    for (const action of this.form.querySelectorAll("[data-action]")) restore(action);
    this.announce("");
  }

  get action() {
    return /** @type {HTMLElement} */ (this.steps.current.querySelector("[data-action]"));
  }

  /**
   * Says what is going on to ears and, on the button, to eyes.
   * @param {string} key
   */
  say(key) {
    this.announce(this.text(key));
    const label = /** @type {HTMLElement} */ (this.action.querySelector("[data-label]"));
    label.dataset.resting ??= label.textContent ?? "";
    label.textContent = `${this.text(key)}…`;
  }

  /** @param {string} sentence */
  announce(sentence) {
    const status = this.form.querySelector("[data-status]");
    if (status) status.textContent = sentence;
  }

  /** @param {string} key */
  text(key) {
    const texts = /** @type {HTMLTemplateElement} */ (document.querySelector("template[data-texts]"));
    return texts.content.querySelector(`[data-text="${key}"]`)?.textContent ?? key;
  }

  title() {
    return `${this.steps.current.dataset.title} – ${this.settings.merchant}`;
  }

  showStep() {
    this.friction.stepShown(this.steps.current);
    this.problems.clear();
    document.title = this.title();
    this.review();
  }

  /** Shows what was given in the steps before. */
  review() {
    const written = this.written();
    for (const row of /** @type {NodeListOf<HTMLElement>} */ (this.steps.current.querySelectorAll("[data-review-of]"))) {
      const text = written[row.dataset.reviewOf ?? ""] ?? this.valuesOf((row.dataset.fields ?? "").split(" "));
      for (const place of row.querySelectorAll("[data-written]")) place.textContent = text;
      // A section may ask for nothing, or for what need not be given.
      row.hidden = text === "";
    }
  }

  /** @param {string[]} names */
  valuesOf(names) {
    const values = this.fields.values();
    return names.map((name) => values[name]).filter(Boolean).join(", ");
  }

  /** @returns {Record<string, string>} what the visitor gave, by section */
  written() {
    return { contact: this.emailAddress, address: this.stripe.addressLine() };
  }

  /**
   * Shows the step that holds a section; usually it is the one in view.
   * @param {string} section
   */
  async reveal(section) {
    const place = this.form.querySelector(`[data-section="${section}"]`);
    if (place) await this.steps.go(this.steps.indexOf(place));
  }

  /** @param {string} section */
  focusSection(section) {
    if (section === "contact") this.email?.focus();
    else if (this.fields.sections.includes(section)) this.fields.focus(section);
    else this.stripe.focus(section);
  }

  /** @param {string} section */
  marked(section) {
    return !this.problems.slot(section).hidden;
  }
}

/** @param {HTMLFormElement} form */
function settingsOf(form) {
  const read = (/** @type {string} */ name) => form.dataset[name] ?? "";
  const kept = /** @type {Typed} */ (JSON.parse(read("details")));
  const place = `kassa:${read("checkoutId")}`;
  return {
    checkoutId: read("checkoutId"),
    merchant: read("merchant"),
    mode: /** @type {"payment"|"subscription"|"setup"} */ (read("mode")),
    methods: read("methods").split(" ").filter(Boolean),
    amount: Number(read("amount")),
    currency: read("currency"),
    locale: read("locale"),
    stripeJs: read("stripeJs"),
    publishableKey: read("publishableKey"),
    token: read("token"),
    confirmUrl: read("confirmUrl"),
    sessionUrl: read("sessionUrl"),
    invoiceUrl: read("invoiceUrl"),
    hostedUrl: read("hostedUrl"),
    statusUrl: read("statusUrl"),
    detailsUrl: read("detailsUrl"),
    kept,
    place,
    typed: unsent(place) ?? kept,
    beginsAt: Number(read("beginsAt")),
    returnUrl: read("returnUrl"),
    eventsUrl: read("eventsUrl"),
  };
}

/**
 * The problems of all sections, of each the one that is named first.
 * @param {Record<string, string|false|undefined>[]} found
 * @returns {Problem[]}
 */
function listed(...found) {
  /** @type {Map<string, string>} */
  const first = new Map();
  for (const [section, message] of found.flatMap((each) => Object.entries(each))) {
    if (message && !first.has(section)) first.set(section, message);
  }
  return [...first].map(([section, message]) => ({ section, message }));
}

/**
 * A message that appears while a button is being pressed would push the button away from under
 * the press, which is then lost. So it waits until the press is over.
 * @param {() => void} show
 */
function afterPress(show) {
  setTimeout(show, PRESS_MS);
}

/** @param {Element} action */
function restore(action) {
  action.removeAttribute("aria-disabled");
  const label = /** @type {HTMLElement} */ (action.querySelector("[data-label]"));
  if (label.dataset.resting) label.textContent = label.dataset.resting;
}

/** @param {HTMLElement} step */
function sectionsOf(step) {
  return [...step.querySelectorAll("[data-section]")].map((section) => /** @type {HTMLElement} */ (section).dataset.section ?? "");
}

/** @param {Element} summary */
function connectSummary(summary) {
  const toggle = summary.querySelector("button");
  toggle?.addEventListener("click", () => {
    const open = summary.toggleAttribute("data-open");
    toggle.setAttribute("aria-expanded", String(open));
  });
}

document.querySelectorAll('[data-controller="summary"]').forEach(connectSummary);
for (const form of document.querySelectorAll('[data-controller="checkout"]')) {
  new Checkout(/** @type {HTMLFormElement} */ (form)).connect();
}
