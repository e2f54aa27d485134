// Stripe's two Elements: made once, mounted once, and watched until they are there.

/** @import {Typed} from "./details.js" */
/** @import {Appearance, CustomFontSource, Stripe, StripeAddressElement, StripeAddressElementChangeEvent, StripeAddressElementOptions, StripeElementLocale, StripeElements, StripeElementsOptionsMode, StripeError, StripePaymentElement, StripePaymentElementChangeEvent} from "@stripe/stripe-js" */

const SLOW_AFTER_MS = 5_000;

/**
 * What the page wants to know.
 * @typedef {object} Watcher
 * @property {() => Promise<string|undefined>} session the secret of what the customer keeps
 * @property {(kind: string) => void} onReady
 * @property {(kind: string, trouble: "slow"|"failed") => void} onTrouble
 * @property {(kind: string) => void} onChange
 * @property {(kind: string) => void} onFocus
 * @property {(kind: string) => void} onBlur
 */

/**
 * @typedef {object} Order
 * @property {string} stripeJs where Stripe.js is
 * @property {string} publishableKey
 * @property {string} locale
 * @property {"payment"|"subscription"|"setup"} mode what Stripe's Elements prepare for
 * @property {string[]} methods Stripe's names of those that may pay; empty where all may
 * @property {number} amount
 * @property {string} currency
 * @property {Typed} typed what the visitor typed on a page before
 */

export class StripeForm {
  /**
   * @param {HTMLElement} form
   * @param {Order} order
   * @param {Watcher} watcher
   */
  constructor(form, order, watcher) {
    this.order = order;
    this.watcher = watcher;
    this.hosts = /** @type {HTMLElement[]} */ ([...form.querySelectorAll("[data-element]")]);
    /** @type {Set<string>} */
    this.pending = new Set(this.hosts.map(kindOf));
    /** @type {Map<string, boolean>} */
    this.complete = new Map(order.typed.complete ? [["address", true]] : []);
    /** @type {Set<string>} those in which something is */
    this.begun = new Set(this.complete.keys());
    /** @type {Set<string>} those that said that they will not come */
    this.failed = new Set();
    this.method = "card";
    /** @type {Pick<Typed, "name"|"address">} the address as the visitor last typed it */
    this.lastAddress = order.typed;
    /** @type {Stripe|undefined} */
    this.stripe = undefined;
    /** @type {StripeElements|undefined} */
    this.elements = undefined;
    /** @type {StripeAddressElement|undefined} */
    this.address = undefined;
    /** @type {StripePaymentElement|undefined} */
    this.payment = undefined;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.alarm = undefined;
  }

  get ready() {
    return this.pending.size === 0;
  }

  /** Whether Stripe.js is there, so that each form comes or fails by itself. */
  get loaded() {
    return this.stripe !== undefined;
  }

  /** Whether the chosen way to pay is a wallet or a bank's own window. */
  get opensSheet() {
    return this.method !== "card";
  }

  async start() {
    // Who is sent an invoice is asked for no payment, and perhaps for nothing on this page.
    if (this.hosts.length === 0) return;
    this.watch();
    try {
      const [session] = await Promise.all([this.watcher.session(), loadScript(this.order.stripeJs)]);
      await this.mountAll(session);
    } catch {
      this.fail(this.firstPending());
    }
  }

  /** @param {string} kind */
  retry(kind) {
    this.failed.clear();
    if (this.stripe) this.remount(kind);
    else this.start();
  }

  /** @param {string} kind */
  remount(kind) {
    this.watch();
    const host = this.hosts.find((candidate) => kindOf(candidate) === kind);
    const element = kind === "payment" ? this.payment : this.address;
    // It never became ready, so there is nothing typed to lose.
    element?.unmount();
    if (host) element?.mount(host);
  }

  watch() {
    clearTimeout(this.alarm);
    this.alarm = setTimeout(() => {
      const late = [...this.pending].filter((kind) => !this.failed.has(kind));
      if (late[0] !== undefined) this.watcher.onTrouble(late[0], "slow");
    }, SLOW_AFTER_MS);
  }

  firstPending() {
    return kindOf(this.hosts.find((host) => this.pending.has(kindOf(host))) ?? this.hosts[0]);
  }

  /** @param {string} kind */
  fail(kind) {
    this.failed.add(kind);
    if (this.loaded) this.watch();
    else clearTimeout(this.alarm);
    this.watcher.onTrouble(kind, "failed");
  }

  /** @param {string|undefined} customerSessionClientSecret */
  async mountAll(customerSessionClientSecret) {
    if (this.stripe || !window.Stripe) return;
    const { publishableKey } = this.order;
    const locale = /** @type {StripeElementLocale} */ (this.order.locale);
    const stripe = window.Stripe(publishableKey, { locale });
    this.elements = stripe.elements({
      ...this.intent(), ...(customerSessionClientSecret ? { customerSessionClientSecret } : {}), locale, paymentMethodCreation: "manual", appearance: appearance(), fonts: fonts(),
    });
    // Not before nothing can be refused any more: who tries again begins from the start.
    this.stripe = stripe;
    if (this.asks("address")) this.mountAddress(this.elements);
    // One form after the other: a phone is busy with each for longer than a press may wait.
    await new Promise((resolve) => setTimeout(resolve));
    if (this.asks("payment")) this.mountPayment(this.elements);
    darkMode().addEventListener("change", () => this.elements?.update({ appearance: appearance() }));
  }

  /** @returns {StripeElementsOptionsMode} */
  intent() {
    const { mode, methods, amount, currency } = this.order;
    const allowed = methods.length > 0 ? { allowedPaymentMethodTypes: methods } : {};
    return mode === "setup" ? { mode, currency, ...allowed } : { mode, amount, currency, ...allowed };
  }

  /**
   * Whether there is such an Element: who is sent an invoice has no payment to enter.
   * @param {string} kind
   */
  asks(kind) {
    return this.hosts.some((host) => kindOf(host) === kind);
  }

  /** @param {StripeElements} elements */
  mountAddress(elements) {
    const address = this.address = elements.create("address", { mode: "billing", defaultValues: this.typedBefore() });
    address.on("ready", () => this.arrived("address"));
    address.on("loaderror", () => this.fail("address"));
    address.on("focus", () => this.watcher.onFocus("address"));
    address.on("blur", () => this.watcher.onBlur("address"));
    address.on("change", (event) => {
      this.lastAddress = event.value;
      this.changed("address", event);
    });
    this.mount("address", address);
  }

  /** @returns {StripeAddressElementOptions["defaultValues"]} */
  typedBefore() {
    const { name, address } = this.order.typed;
    const { country } = address;
    return { ...(name && { name }), ...(country && { address: { ...address, country } }) };
  }

  /** @param {StripeElements} elements */
  mountPayment(elements) {
    const payment = this.payment = elements.create("payment", {
      layout: { type: "accordion", radios: "auto" },
      // Asked for once, on this page or the one before, and passed along with the token.
      fields: { billingDetails: this.asks("address") ? { email: "never" } : { email: "never", name: "never", address: "never" } },
    });
    payment.on("ready", () => this.arrived("payment"));
    payment.on("loaderror", () => this.fail("payment"));
    payment.on("focus", () => this.watcher.onFocus("payment"));
    payment.on("blur", () => this.watcher.onBlur("payment"));
    payment.on("change", (event) => {
      this.method = event.value.type;
      this.changed("payment", event);
    });
    this.mount("payment", payment);
  }

  /**
   * @param {string} kind
   * @param {StripeAddressElement|StripePaymentElement} element
   */
  mount(kind, element) {
    const host = this.hosts.find((candidate) => kindOf(candidate) === kind);
    if (host) element.mount(host);
  }

  /** @param {string} kind */
  arrived(kind) {
    this.pending.delete(kind);
    if (this.ready) clearTimeout(this.alarm);
    this.watcher.onReady(kind);
  }

  /**
   * @param {string} kind
   * @param {StripeAddressElementChangeEvent|StripePaymentElementChangeEvent} event
   */
  changed(kind, event) {
    this.complete.set(kind, event.complete);
    if (event.empty) this.begun.delete(kind);
    else this.begun.add(kind);
    this.watcher.onChange(kind);
  }

  /** @param {string} kind */
  isComplete(kind) {
    return this.complete.get(kind) ?? !this.asks(kind);
  }

  /**
   * @param {string} kind
   * @returns {"empty"|"incomplete"|"complete"}
   */
  stateOf(kind) {
    if (this.isComplete(kind)) return "complete";
    return this.begun.has(kind) ? "incomplete" : "empty";
  }

  /** The address as the visitor last typed it, in one line. */
  addressLine() {
    const { name, address } = this.lastAddress;
    const { line1, line2, city, state, postal_code: postalCode, country } = address;
    const place = [city, state, postalCode].filter(Boolean).join(" ");
    return [name, line1, line2, place, country].filter(Boolean).join(", ");
  }

  /** Name and address as the visitor last typed them. */
  buyer() {
    const { name, address } = this.lastAddress;
    return { name, address };
  }

  /** @param {string} kind */
  focus(kind) {
    if (kind === "payment") this.payment?.focus();
    else this.address?.focus();
  }

  /** Asking for the address makes Stripe mark what is missing in it. */
  async checkAddress() {
    if (!this.asks("address")) return true;
    return (await this.address?.getValue())?.complete ?? false;
  }

  /**
   * Validates both Elements. A wallet opens its sheet here, which browsers allow only
   * directly after the visitor's press: nothing may be awaited before it.
   * @returns {Promise<StripeError|undefined>}
   */
  async submit() {
    return (await this.elements?.submit())?.error;
  }

  /**
   * @param {string} email
   * @param {string} returnUrl
   */
  createToken(email, returnUrl) {
    const { stripe, elements } = this.mounted();
    return stripe.createConfirmationToken({
      elements,
      params: { payment_method_data: { billing_details: this.billingDetails(email) }, return_url: returnUrl },
    });
  }

  /**
   * What Stripe's forms on this page do not know.
   * @param {string} email
   */
  billingDetails(email) {
    if (this.asks("address")) return { email };
    // Every part of what the form was told not to ask for has to be passed, also the empty ones.
    const { name, address } = this.order.typed;
    const { line1, line2, city, state, postal_code: postalCode, country } = address;
    return {
      email,
      name: name ?? "",
      address: { line1: line1 ?? "", line2: line2 ?? "", city: city ?? "", state: state ?? "", postal_code: postalCode ?? "", country: country ?? "" },
    };
  }

  /** @param {string} clientSecret */
  authenticate(clientSecret) {
    return this.mounted().stripe.handleNextAction({ clientSecret });
  }

  mounted() {
    const { stripe, elements } = this;
    if (!stripe || !elements) throw new Error("Stripe.js is not there yet");
    return { stripe, elements };
  }
}

/** @param {HTMLElement|undefined} host */
function kindOf(host) {
  return host?.dataset.element ?? "";
}

/**
 * @param {string} address
 * @returns {Promise<void>}
 */
export function loadScript(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", () => resolve());
    script.addEventListener("error", () => reject(new Error("Stripe.js could not be loaded")));
    document.head.append(script);
  });
}

function darkMode() {
  return matchMedia("(prefers-color-scheme: dark)");
}

/**
 * The merchant's own font, which Stripe's frames have to fetch themselves.
 * @returns {CustomFontSource[]}
 */
export function fonts() {
  const style = getComputedStyle(document.documentElement);
  const source = style.getPropertyValue("--font-source");
  if (!source) return [];
  const [family = ""] = style.getPropertyValue("--font").split(",");
  const src = `url(${new URL(JSON.parse(source), location.href)})`;
  return [{ family: JSON.parse(family), src, display: "optional", weight: style.getPropertyValue("--font-weights").trim() }];
}

/**
 * The page's own tokens, so that Stripe's fields look like ours in light and dark.
 * @returns {Appearance}
 */
export function appearance() {
  const style = getComputedStyle(document.documentElement);
  const token = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  return {
    theme: darkMode().matches ? "night" : "stripe",
    variables: {
      colorPrimary: token("accent"),
      colorText: token("text"),
      colorTextSecondary: token("muted"),
      colorBackground: token("surface"),
      colorDanger: token("danger"),
      borderRadius: token("radius"),
      fontFamily: token("font"),
      fontSizeBase: style.fontSize,
      spacingUnit: token("space"),
    },
    rules: {
      ".Input": { borderColor: token("field-line"), boxShadow: "none" },
      ".Label": { fontWeight: "600" },
    },
  };
}
