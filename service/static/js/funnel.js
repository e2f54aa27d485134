// Reports what the visitor does: names, times and field names, never a value that was typed.

const FLUSH_AFTER_MS = 1_000;

export class Funnel {
  /**
   * @param {string} url where to report; none where nothing may be reported
   * @param {string} checkoutId
   */
  constructor(url, checkoutId) {
    this.url = url;
    this.checkoutId = checkoutId;
    /** @type {object[]} */
    this.waiting = [];
    /** @type {Set<string>} */
    this.recorded = new Set();
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.timer = undefined;
  }

  /** @param {boolean} first whether the page is the first of the checkout */
  connect(first) {
    addEventListener("pagehide", () => this.flush());
    if (!first) this.recorded.add("checkout_viewed");
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") this.flush();
      else this.recordOnce("checkout_viewed");
    });
    if (document.visibilityState === "visible") this.recordOnce("checkout_viewed");
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} [properties]
   */
  record(name, properties) {
    this.recorded.add(name);
    this.note(name, properties);
    this.timer ??= setTimeout(() => this.flush(), FLUSH_AFTER_MS);
  }

  /**
   * What can wait until there is something to send anyway, or until the page goes away.
   * @param {string} name
   * @param {Record<string, unknown>} [properties]
   */
  note(name, properties) {
    if (!this.url) return;
    this.waiting.push({
      id: newId(),
      name,
      occurred_at: new Date().toISOString(),
      checkout_id: this.checkoutId,
      ...(properties && { properties }),
    });
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} [properties]
   */
  recordOnce(name, properties) {
    if (!this.recorded.has(name)) this.record(name, properties);
  }

  flush() {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.waiting.length === 0) return;
    const body = new Blob([JSON.stringify({ events: this.waiting.splice(0) })], { type: "application/json" });
    if (!navigator.sendBeacon(this.url, body)) this.fallBack(body);
  }

  /** @param {Blob} body */
  fallBack(body) {
    // A lost event must never disturb a payment.
    fetch(this.url, { method: "POST", body, keepalive: true }).catch(() => {});
  }
}

function newId() {
  // Browsers have randomUUID on HTTPS and localhost only; a phone testing over the LAN has neither.
  return crypto.randomUUID?.() ?? uuidOf(crypto.getRandomValues(new Uint8Array(16)));
}

/** @param {Uint8Array} random sixteen bytes, made a version 4 UUID */
function uuidOf(random) {
  const bytes = [...random];
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
