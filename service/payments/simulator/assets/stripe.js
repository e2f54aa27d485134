// The stand-in for Stripe.js: the part of its surface that Kassa's pages use, in simulator mode.
// As with the real one, what a visitor types lives in iframes and never in the page.
// Classic script, like the original: it defines one global, Stripe.

/** @import * as S from "@stripe/stripe-js" */

"use strict";

(() => {
  const BASE = new URL(".", /** @type {HTMLScriptElement} */ (document.currentScript).src);
  const CONNECT_PATIENCE_MS = 4_000;

  /** The integration is wrong, as opposed to what the visitor typed. */
  class IntegrationError extends Error {
    /** @override */
    name = "IntegrationError";
  }

  // -- an iframe and the private port to it ---------------------------------------------------

  /** @typedef {(event: string, detail: any) => void} Listener */

  class Frame {
    /**
     * @param {string} path below the simulator's address
     * @param {string} title
     * @param {() => object} setting what the frame is told when it connects
     * @param {Listener} listen
     */
    constructor(path, title, setting, listen) {
      this.setting = setting;
      this.listen = listen;
      this.node = document.createElement("iframe");
      this.node.title = title;
      this.node.src = new URL(path, BASE).href;
      this.node.allow = "payment *";
      Object.assign(this.node.style, { display: "block", width: "100%", border: "0", height: "0" });
      // Each load is a new document: whatever was typed into the one before is gone.
      this.node.addEventListener("load", () => this.connect());
      /** @type {Map<number, (answer: any) => void>} */
      this.questions = new Map();
      this.asked = 0;
      /** @type {MessagePort|undefined} */
      this.port = undefined;
      /** @type {ReturnType<typeof setTimeout>|undefined} */
      this.patience = undefined;
    }

    connect() {
      if (!this.node.isConnected) return;
      const channel = new MessageChannel();
      this.port = channel.port1;
      this.port.onmessage = ({ data }) => this.hear(data);
      clearTimeout(this.patience);
      this.patience = setTimeout(() => this.listen("loaderror", undefined), CONNECT_PATIENCE_MS);
      this.listen("loaderstart", undefined);
      const greeting = { simulator: "connect", ...this.setting() };
      this.node.contentWindow?.postMessage(greeting, BASE.origin, [channel.port2]);
    }

    /** @param {{answer?: number, event?: string, detail?: any}} message */
    hear({ answer, event, detail }) {
      if (answer !== undefined) this.answered(answer, detail);
      else if (event === "resize") this.node.style.height = `${detail.height}px`;
      else if (event !== undefined) this.tell(event, detail);
    }

    /**
     * @param {string} event
     * @param {any} detail
     */
    tell(event, detail) {
      if (event === "ready" || event === "loaderror") clearTimeout(this.patience);
      this.listen(event, detail);
    }

    /**
     * @param {number} number
     * @param {any} detail
     */
    answered(number, detail) {
      this.questions.get(number)?.(detail);
      this.questions.delete(number);
    }

    /**
     * @param {string} method
     * @param {object} [detail]
     * @returns {Promise<any>}
     */
    ask(method, detail) {
      return new Promise((resolve) => {
        const question = ++this.asked;
        this.questions.set(question, resolve);
        this.port?.postMessage({ question, method, detail });
      });
    }

    remove() {
      clearTimeout(this.patience);
      this.port?.close();
      this.node.remove();
    }
  }

  // -- Elements ---------------------------------------------------------------------------------

  /** @typedef {(event: any) => any} Handler */

  class SimulatedElement {
    /**
     * @param {SimulatedElements} group
     * @param {"address"|"payment"} type
     * @param {string} title
     * @param {object} options
     */
    constructor(group, type, title, options) {
      this.group = group;
      this.type = type;
      this.title = title;
      this.options = options;
      this.isReady = false;
      /** @type {Map<string, Set<Handler>>} */
      this.handlers = new Map();
      /** @type {Frame|undefined} */
      this.frame = undefined;
    }

    /**
     * @param {string} event
     * @param {Handler} handler
     */
    on(event, handler) {
      this.handlers.set(event, (this.handlers.get(event) ?? new Set()).add(handler));
      return this;
    }

    /**
     * @param {string} event
     * @param {Handler} handler
     */
    once(event, handler) {
      const first = (/** @type {any} */ detail) => {
        this.off(event, first);
        handler(detail);
      };
      return this.on(event, first);
    }

    /**
     * @param {string} event
     * @param {Handler} [handler]
     */
    off(event, handler) {
      if (handler) this.handlers.get(event)?.delete(handler);
      else this.handlers.delete(event);
      return this;
    }

    /**
     * @param {string} event
     * @param {object} [detail]
     */
    emit(event, detail) {
      for (const handler of [...(this.handlers.get(event) ?? [])]) {
        handler({ elementType: this.type, ...detail });
      }
    }

    /** @param {string|HTMLElement} place */
    mount(place) {
      const host = typeof place === "string" ? document.querySelector(place) : place;
      if (!host) throw new IntegrationError(`The selector you specified (${place}) applies to no DOM elements.`);
      if (this.frame) throw new IntegrationError("This Element is already mounted.");
      this.frame = new Frame(this.path, this.title, () => this.setting(), (event, detail) => this.heard(event, detail));
      this.styleFrame();
      host.replaceChildren(this.frame.node);
    }

    get path() {
      return `elements/${this.type}`;
    }

    setting() {
      return { appearance: this.group.appearance, options: this.options };
    }

    // Without the same colour scheme on both sides, browsers paint an opaque iframe.
    styleFrame() {
      if (this.frame) this.frame.node.style.colorScheme = this.group.appearance.theme === "night" ? "dark" : "light";
    }

    /**
     * @param {string} event
     * @param {any} detail
     */
    heard(event, detail) {
      if (event === "ready") this.isReady = true;
      if (event === "change") this.group.submitted = false;
      this.emit(event, event === "loaderror" ? { error: loadError(this.type) } : detail);
    }

    /** @param {object} options */
    update(options) {
      Object.assign(this.options, options);
      this.frame?.ask("update", this.setting());
      return this;
    }

    focus() {
      this.frame?.node.focus();
      this.frame?.ask("focus");
    }

    blur() {
      this.frame?.ask("blur");
    }

    clear() {
      this.frame?.ask("clear");
    }

    unmount() {
      this.frame?.remove();
      this.frame = undefined;
      this.isReady = false;
    }

    destroy() {
      this.unmount();
      this.group.forget(this);
    }
  }

  class PaymentElement extends SimulatedElement {
    /**
     * @param {SimulatedElements} group
     * @param {S.StripePaymentElementOptions} options
     */
    constructor(group, options) {
      super(group, "payment", "Secure payment input frame (simulated)", options);
    }

    /** @override */
    setting() {
      return { ...super.setting(), key: this.group.key, elements: this.group.asSent() };
    }

    collapse() {
      return this;
    }
  }

  class AddressElement extends SimulatedElement {
    /**
     * @param {SimulatedElements} group
     * @param {S.StripeAddressElementOptions} options
     */
    constructor(group, options) {
      super(group, "address", `Secure ${options.mode} address input frame (simulated)`, options);
    }

    /** @override */
    get path() {
      return `${super.path}?locale=${encodeURIComponent(this.group.locale)}`;
    }

    /** @returns {ReturnType<S.StripeAddressElement["getValue"]>} */
    async getValue() {
      return mounted(this, "getValue").ask("read");
    }
  }

  /** @type {Record<string, (group: SimulatedElements, options: any) => AddressElement|PaymentElement>} */
  const KINDS = {
    address: (group, options) => /** @satisfies {S.StripeAddressElement} */ (new AddressElement(group, options)),
    payment: (group, options) => /** @satisfies {S.StripePaymentElement} */ (new PaymentElement(group, options)),
  };

  class SimulatedElements {
    /**
     * @param {string} key
     * @param {S.StripeElementsOptionsMode} options
     */
    constructor(key, options) {
      refuseWrongOptions(options);
      this.key = key;
      this.options = { ...options };
      this.submitted = false;
      /** @type {Map<string, SimulatedElement>} */
      this.made = new Map();
      /** @type {Set<() => void>} */
      this.afterUpdate = new Set();
    }

    get appearance() {
      return this.options.appearance ?? {};
    }

    get locale() {
      const { locale } = this.options;
      return locale && locale !== "auto" ? locale : navigator.language;
    }

    /** What the simulator's server is told of the options. */
    asSent() {
      const options = /** @type {any} */ (this.options);
      return {
        mode: options.mode,
        amount: options.amount,
        currency: options.currency,
        setup_future_usage: options.setupFutureUsage,
        allowed_payment_method_types: options.allowedPaymentMethodTypes,
        excluded_payment_method_types: options.excludedPaymentMethodTypes,
        customer_session_client_secret: options.customerSessionClientSecret,
      };
    }

    /**
     * @param {string} type
     * @param {object} [options]
     * @returns {any} the Element of that type; the declarations have one overload for each
     */
    create(type, options = {}) {
      const make = KINDS[type];
      if (!make) throw new IntegrationError(`The simulator has no ${type} Element; it has ${Object.keys(KINDS).join(" and ")}.`);
      if (this.made.has(type)) throw new IntegrationError(`Can only create one Element of type ${type} on one Elements object.`);
      const element = make(this, { ...options });
      this.made.set(type, element);
      return element;
    }

    /**
     * @param {string} type
     * @returns {any}
     */
    getElement(type) {
      return this.made.get(type) ?? null;
    }

    /** @param {SimulatedElement} element */
    forget(element) {
      this.made.delete(element.type);
    }

    /** @param {S.StripeElementsUpdateOptions} options */
    async update(options) {
      const changed = /** @type {any} */ ({ ...this.options, ...options });
      if (changed.mode === "setup") delete changed.amount;
      refuseWrongOptions(changed);
      this.options = changed;
      for (const element of this.made.values()) element.styleFrame();
      // A frame that has not begun yet will begin with the new options.
      const begun = [...this.made.values()].filter((element) => element.isReady);
      await Promise.all(begun.map((element) => element.frame?.ask("update", element.setting())));
      for (const handler of this.afterUpdate) handler();
    }

    /**
     * @param {"update-end"} event
     * @param {() => void} handler
     */
    on(event, handler) {
      if (event === "update-end") this.afterUpdate.add(handler);
    }

    async fetchUpdates() {
      return {};
    }

    /** @returns {ReturnType<S.StripeElements["submit"]>} */
    async submit() {
      const shown = [...this.made.values()].filter((element) => element.frame);
      const problems = await Promise.all(shown.map((element) => mounted(element, "submit").ask("validate")));
      const error = problems.find(Boolean);
      this.submitted = !error;
      if (error) return { error };
      const payment = this.made.get("payment");
      return { selectedPaymentMethod: payment?.frame ? await payment.frame.ask("selected") : "card" };
    }
  }

  // -- Stripe -----------------------------------------------------------------------------------

  class SimulatedStripe {
    /**
     * @param {string} key
     * @param {S.StripeConstructorOptions} options
     */
    constructor(key, options) {
      if (!/^pk_test_/.test(key)) throw new IntegrationError("The simulator accepts test keys only (pk_test_…).");
      this.key = key;
      this.options = options;
    }

    /**
     * @param {any} options
     * @returns {any} the declarations have more kinds of Element than the simulator
     */
    elements(options) {
      const made = new SimulatedElements(this.key, { locale: this.options.locale, ...options });
      return /** @satisfies {Pick<S.StripeElements, "create"|"getElement"|"submit"|"update"|"fetchUpdates"|"on">} */ (made);
    }

    /**
     * @param {S.CreateConfirmationToken} options
     * @returns {Promise<S.ConfirmationTokenResult>}
     */
    async createConfirmationToken({ elements, params = {} }) {
      const group = /** @type {SimulatedElements} */ (/** @type {unknown} */ (elements));
      const payment = group.getElement("payment");
      if (!payment?.frame) throw new IntegrationError("Invalid value for createConfirmationToken(): elements should have a mounted Payment Element.");
      if (!group.submitted) throw new IntegrationError("elements.submit() must be called before stripe.createConfirmationToken().");
      refuseMissing(payment, params);
      return mounted(payment, "createConfirmationToken").ask("tokenize", {
        key: this.key,
        elements: group.asSent(),
        billing_details: await billingDetails(group, params),
        return_url: params.return_url,
      });
    }

    /**
     * @param {{clientSecret?: string, hashedValue?: string}} options
     * @returns {Promise<any>}
     */
    async handleNextAction({ clientSecret }) {
      if (!clientSecret) throw new IntegrationError("handleNextAction: the simulator needs a client secret.");
      const before = await this.retrieveIntent(clientSecret);
      const { status, next_action: action } = before.paymentIntent ?? before.setupIntent ?? {};
      if (status !== "requires_action") return settled(before);
      await act(action?.type === "verify_with_microdeposits" ? DEPOSITS : CHALLENGE, this.key, clientSecret);
      return settled(await this.retrieveIntent(clientSecret));
    }

    /**
     * @param {string} clientSecret of a PaymentIntent or a SetupIntent
     * @returns {Promise<any>}
     */
    retrieveIntent(clientSecret) {
      return clientSecret.startsWith("seti_") ? this.retrieveSetupIntent(clientSecret) : this.retrievePaymentIntent(clientSecret);
    }

    /**
     * @param {string} clientSecret
     * @returns {Promise<S.SetupIntentResult>}
     */
    async retrieveSetupIntent(clientSecret) {
      const answer = await api(`v1/setup_intents/${this.queried(clientSecret)}`);
      return answer.error ? { error: answer.error } : { setupIntent: answer };
    }

    /**
     * @param {string} clientSecret
     * @returns {Promise<S.PaymentIntentResult>}
     */
    async retrievePaymentIntent(clientSecret) {
      const answer = await api(`v1/payment_intents/${this.queried(clientSecret)}`);
      return answer.error ? { error: answer.error } : { paymentIntent: answer };
    }

    /** @param {string} clientSecret */
    queried(clientSecret) {
      return `${intentOf(clientSecret)}?${new URLSearchParams({ client_secret: clientSecret, key: this.key })}`;
    }

    /** @returns {Promise<never>} */
    async confirmPayment() {
      throw new IntegrationError("The simulator confirms on the server only: use createConfirmationToken.");
    }
  }

  // -- what several of them need ------------------------------------------------------------------

  /**
   * @param {SimulatedElement} element
   * @param {string} method
   */
  function mounted(element, method) {
    if (!element.frame || !element.isReady) throw new IntegrationError(`${method}: the ${element.type} Element is not mounted, or not ready yet.`);
    return element.frame;
  }

  /** @param {any} options */
  function refuseWrongOptions({ mode, amount, currency, ...others }) {
    if ("paymentMethodTypes" in others) throw new IntegrationError("paymentMethodTypes is no longer supported: use allowedPaymentMethodTypes.");
    if (!["payment", "subscription", "setup"].includes(mode)) throw new IntegrationError("elements(): mode must be payment, subscription or setup.");
    if (mode === "setup" && amount !== undefined) throw new IntegrationError("elements(): mode setup takes no amount.");
    if (mode !== "setup" && !(Number.isInteger(amount) && currency)) throw new IntegrationError(`elements(): mode ${mode} needs amount and currency.`);
    if (amount < 0 || (mode === "payment" && amount === 0)) throw new IntegrationError("elements(): the amount is too small.");
  }

  /**
   * @param {SimulatedElement} payment
   * @param {S.ConfirmationTokenCreateParams} params
   */
  function refuseMissing(payment, params) {
    const { fields } = /** @type {S.StripePaymentElementOptions} */ (payment.options);
    const hidden = /** @type {any} */ (fields?.billingDetails);
    const passed = /** @type {any} */ (params.payment_method_data?.billing_details);
    const never = (/** @type {string} */ name) => hidden === "never" || hidden?.[name] === "never";
    const missing = ["email", "name"].filter((name) => never(name) && passed?.[name] === undefined);
    const parts = ["line1", "line2", "city", "state", "postal_code", "country"];
    if (never("address")) missing.push(...parts.filter((part) => passed?.address?.[part] === undefined).map((part) => `address.${part}`));
    for (const name of missing) {
      throw new IntegrationError(`You specified "never" for fields.billing_details.${name} when creating the payment Element, but did not pass params.payment_method_data.billing_details.${name} when calling stripe.createConfirmationToken().`);
    }
  }

  /**
   * What the Elements collected, overridden by what the page passes.
   * @param {SimulatedElements} group
   * @param {S.ConfirmationTokenCreateParams} params
   */
  async function billingDetails(group, params) {
    const address = group.getElement("address");
    const collected = address?.frame && address.options.mode === "billing" ? (await address.getValue()).value : {};
    const { name = null, phone = null, address: place = null } = collected;
    return { name, phone, address: place, email: null, ...params.payment_method_data?.billing_details };
  }

  /**
   * An intent that was refused is an error with Stripe's own words.
   * @param {any} result
   */
  function settled(result) {
    const { paymentIntent, setupIntent } = result;
    const error = paymentIntent?.last_payment_error ?? setupIntent?.last_setup_error;
    if ((paymentIntent ?? setupIntent)?.status !== "requires_payment_method" || !error) return result;
    return { error: { ...error, payment_intent: paymentIntent, setup_intent: setupIntent } };
  }

  /** @param {string} clientSecret */
  function intentOf(clientSecret) {
    return encodeURIComponent(clientSecret.split("_secret_")[0] ?? "");
  }

  /**
   * @param {string} path
   * @returns {Promise<any>}
   */
  async function api(path) {
    try {
      const response = await fetch(new URL(path, BASE));
      return await response.json();
    } catch {
      return { error: { type: "api_connection_error", message: "We could not reach the simulator. Check your connection and try again." } };
    }
  }

  /** @param {string} type */
  function loadError(type) {
    return { type: "api_connection_error", message: `The simulated ${type} Element could not be loaded.` };
  }

  // -- what a bank asks, in a modal ----------------------------------------------------------------

  const CHALLENGE = { path: "authenticate", label: "Your bank's check (simulated)", title: "Simulated bank" };
  const DEPOSITS = { path: "microdeposits", label: "Verify your bank account (simulated)", title: "Simulated verification" };

  /**
   * Ends when the visitor is through with the page, whatever came of it.
   * @param {{path: string, label: string, title: string}} page
   * @param {string} key
   * @param {string} clientSecret
   * @returns {Promise<void>}
   */
  function act(page, key, clientSecret) {
    return new Promise((resolve) => {
      const dialog = document.createElement("dialog");
      dialog.setAttribute("aria-label", page.label);
      const frame = new Frame(`${page.path}/${intentOf(clientSecret)}`, page.title, () => ({ key, clientSecret }), listen);
      // Closing the bank's page counts as a failed check, as it does at Stripe; deposits can wait.
      dialog.addEventListener("cancel", (event) => {
        if (!connected) return;
        event.preventDefault();
        frame.ask("abandon");
      });
      dialog.addEventListener("close", () => {
        frame.remove();
        dialog.remove();
        resolve();
      });
      dialog.append(frame.node);
      layOut(dialog, frame.node);
      document.body.append(dialog);
      dialog.showModal();
      let connected = false;

      /** @param {string} event */
      function listen(event) {
        if (event === "ready") {
          connected = true;
          frame.node.focus();
        }
        if (event === "done" || event === "loaderror") dialog.close();
      }
    });
  }

  /**
   * @param {HTMLDialogElement} dialog
   * @param {HTMLIFrameElement} node
   */
  function layOut(dialog, node) {
    Object.assign(dialog.style, {
      position: "fixed", inset: "0", width: "100%", height: "100%", maxWidth: "none", maxHeight: "none", margin: "0",
      padding: "16px", border: "0", boxSizing: "border-box", overflow: "auto", placeItems: "center", display: "grid", background: "rgb(10 14 13 / 0.6)",
    });
    Object.assign(node.style, { maxWidth: "420px", borderRadius: "12px", background: "#fff", colorScheme: "light" });
  }

  /**
   * @param {string} key
   * @param {S.StripeConstructorOptions} [options]
   */
  function Stripe(key, options = {}) {
    const stripe = new SimulatedStripe(key, options);
    return /** @satisfies {Pick<S.Stripe, "elements"|"createConfirmationToken"|"handleNextAction"|"retrievePaymentIntent"|"retrieveSetupIntent"|"confirmPayment">} */ (stripe);
  }
  Stripe.version = "endive";

  Object.assign(window, { Stripe });
})();
