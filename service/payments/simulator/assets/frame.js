// The frame's end of the private port to the page, and the page's Appearance in here.

/**
 * @typedef {object} Setting
 * @property {import("@stripe/stripe-js").Appearance} [appearance]
 * @property {any} [options]
 * @property {string} [key]
 * @property {string} [clientSecret]
 * @property {any} [elements] what Elements was initialised with, as it is sent
 */

/** @typedef {Record<string, (detail: any) => unknown>} Methods */

const DEFAULTS = {
  stripe: { colorPrimary: "#0570de", colorText: "#30313d", colorTextSecondary: "#6d6e78", colorBackground: "#ffffff", colorDanger: "#df1b41" },
  night: { colorPrimary: "#85d996", colorText: "#ffffff", colorTextSecondary: "#a3a3a3", colorBackground: "#30313d", colorDanger: "#fe87a1" },
};
const SHAPES = { borderRadius: "6px", fontFamily: "system-ui, sans-serif", fontSizeBase: "16px", spacingUnit: "4px" };
// A message shown while something is being pressed would push it away from under the press.
export const PRESS_MS = 250;
const RULES = [".Input", ".Label"];

export class Frame {
  /** @param {Methods} methods what the page may ask */
  constructor(methods) {
    this.methods = methods;
    /** @type {MessagePort|undefined} */
    this.port = undefined;
  }

  /** @param {(setting: Setting) => void|Promise<void>} begin once the page has connected */
  listen(begin) {
    addEventListener("message", ({ data, origin, source, ports }) => {
      // Only the page that holds this frame, and only from the same origin.
      if (origin !== location.origin || source !== parent || data?.simulator !== "connect") return;
      this.port = ports[0];
      if (this.port) this.port.onmessage = (message) => this.answer(message.data);
      new ResizeObserver(() => this.resize()).observe(document.body);
      begin(data);
    });
  }

  /** @param {{question: number, method: string, detail: any}} message */
  async answer({ question, method, detail }) {
    const answer = await this.methods[method]?.(detail);
    this.port?.postMessage({ answer: question, detail: answer });
  }

  /**
   * @param {string} event
   * @param {object} [detail]
   */
  emit(event, detail) {
    this.port?.postMessage({ event, detail });
  }

  resize() {
    this.emit("resize", { height: Math.ceil(document.body.getBoundingClientRect().height) });
  }
}

/** @param {import("@stripe/stripe-js").Appearance} [appearance] */
export function dress(appearance = {}) {
  const theme = appearance.theme === "night" ? "night" : "stripe";
  const root = document.documentElement.style;
  root.colorScheme = theme === "night" ? "dark" : "light";
  for (const [name, value] of Object.entries({ ...DEFAULTS[theme], ...SHAPES, ...appearance.variables })) {
    root.setProperty(`--${name}`, value);
  }
  for (const selector of RULES) {
    for (const [name, value] of Object.entries(appearance.rules?.[selector] ?? {})) {
      root.setProperty(`--${selector.slice(1)}-${name}`, String(value));
    }
  }
}

/**
 * A labelled field with a place for its message.
 * @param {HTMLInputElement|HTMLSelectElement} input
 * @param {string} message empty when nothing is wrong
 */
export function tell(input, message) {
  const place = document.getElementById(`${input.id}-error`);
  if (place) {
    place.textContent = message;
    place.hidden = message === "";
  }
  input.setAttribute("aria-invalid", String(message !== ""));
}

/** @param {string} text */
export function digitsOf(text) {
  return text.replace(/\D/g, "");
}

/**
 * @param {string} id
 * @returns {HTMLInputElement}
 */
export function inputWith(id) {
  return /** @type {HTMLInputElement} */ (document.getElementById(id));
}
