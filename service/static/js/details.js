// What the visitor typed so far is kept at the server, so that a reload or the next page has it again.

/** @import {Server} from "./server.js" */

const KEEP_AFTER_MS = 800;

/**
 * Contact and billing address, as far as they are typed.
 * @typedef {object} Typed
 * @property {string|null} email
 * @property {string|null} name
 * @property {boolean} [complete] whether nothing is missing
 * @property {{line1?: string|null, line2?: string|null, city?: string|null, state?: string|null, postal_code?: string|null, country?: string|null}} address
 */

export class Details {
  /**
   * @param {Server} server
   * @param {string} url
   * @param {() => Typed} read what is typed now
   * @param {Typed} kept what the server has
   */
  constructor(server, url, read, kept) {
    this.server = server;
    this.url = url;
    this.read = read;
    this.kept = textOf(kept);
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.timer = undefined;
  }

  connect() {
    addEventListener("pagehide", () => this.flush());
  }

  changed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), KEEP_AFTER_MS);
  }

  flush() {
    // Lost, it is typed again; nothing else hangs on it.
    this.keep().catch(() => {});
  }

  /** @throws {Error} when it could not be kept: the server was not reached, or said no */
  async keep() {
    clearTimeout(this.timer);
    const typed = this.read(), text = textOf(typed);
    if (text === this.kept) return;
    await this.server.tell(this.url, typed);
    this.kept = text;
  }
}

/**
 * The same for the same details: what is empty counts as what is missing.
 * @param {Typed} typed
 */
function textOf({ email, name, address, complete }) {
  const { line1, line2, city, state, postal_code: postalCode, country } = address;
  return JSON.stringify([email, name, line1, line2, city, state, postalCode, country, complete].map((value) => value || ""));
}
