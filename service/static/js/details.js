// What the visitor typed so far is kept at the server, so that a reload or the next page has it again.

/** @import {Server} from "./server.js" */

const KEEP_AFTER_MS = 800;
const LET_GO_AFTER_MS = 2_000;

/**
 * Contact and billing address, as far as they are typed.
 * @typedef {object} Typed
 * @property {string|null} email
 * @property {string|null} name
 * @property {Record<string, string>} [fields] of the sections that a merchant added
 * @property {boolean} [complete] whether nothing is missing
 * @property {{line1?: string|null, line2?: string|null, city?: string|null, state?: string|null, postal_code?: string|null, country?: string|null}} address
 */

export class Details {
  /**
   * @param {Server} server
   * @param {string} url
   * @param {() => Typed} read what is typed now
   * @param {Typed} kept what the server has
   * @param {string} place where the browser keeps what the server does not have yet
   */
  constructor(server, url, read, kept, place) {
    this.server = server;
    this.url = url;
    this.read = read;
    this.kept = textOf(kept);
    this.place = place;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.timer = undefined;
  }

  connect() {
    addEventListener("pagehide", () => this.flush());
    this.flush();
  }

  changed() {
    // A reload may be answered before what this page sends as it goes away.
    hold(this.place, this.read());
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
    if (text !== this.kept) {
      // Two requests may arrive in either order: what was typed last stands.
      await this.server.tell(this.url, { ...typed, typed_at: Date.now() });
      this.kept = text;
    }
    // A reload that is under way by now may have been answered before it was kept.
    setTimeout(() => text === textOf(this.read()) && hold(this.place, undefined), LET_GO_AFTER_MS);
  }
}

/**
 * What an earlier load of the page had no time to send.
 * @param {string} place
 * @returns {Typed|undefined}
 */
export function unsent(place) {
  try {
    return JSON.parse(sessionStorage.getItem(place) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} place
 * @param {Typed|undefined} typed
 */
function hold(place, typed) {
  try {
    if (typed) sessionStorage.setItem(place, JSON.stringify(typed));
    else sessionStorage.removeItem(place);
  } catch {
    // A browser that keeps nothing has what the server has.
  }
}

/**
 * The same for the same details: what is empty counts as what is missing.
 * @param {Typed} typed
 */
function textOf({ email, name, address, fields = {}, complete }) {
  const { line1, line2, city, state, postal_code: postalCode, country } = address;
  const own = Object.entries(fields).filter(([, value]) => value).sort();
  return JSON.stringify([...[email, name, line1, line2, city, state, postalCode, country, complete].map((value) => value || ""), own]);
}
