// Talks to the merchant's server. Every request ends: with an answer, a refusal, or in doubt.

/**
 * What the server says about the payment.
 * @typedef {object} Outcome
 * @property {"succeeded"|"processing"|"requires_action"|"requires_payment_method"|"checking"} status
 * @property {{client_secret: string}} [next_action]
 * @property {{code?: string, message?: string}} [error]
 * @property {{bank_debit: boolean, invoice: boolean}} [switch] other ways to pay the order
 * @property {string} [redirect]
 */

/** No readable answer: the payment may or may not have been made. */
export class Doubt extends Error {}

/** The server refused the request and made no payment; the message is for the visitor. */
export class Refusal extends Error {
  /**
   * @param {string} message
   * @param {boolean} over whether nothing can be done on this page any more
   */
  constructor(message, over) {
    super(message);
    this.over = over;
  }
}

const PATIENCE_MS = 30_000;
const GONE = 410;

export class Server {
  /** @param {string} token ties requests to this page of this visitor */
  constructor(token) {
    this.token = token;
  }

  /**
   * @param {string} url
   * @param {object} body
   * @returns {Promise<Outcome>}
   * @throws {Doubt} when the connection, the server or the time gave out
   * @throws {Refusal} when the server said no
   */
  async post(url, body) {
    const response = await this.send(url, body);
    if (response.status >= 500) throw new Doubt(`the server answered ${response.status}`);
    const answer = await readJson(response);
    if (!response.ok) throw refusal(response, answer);
    return answer;
  }

  /**
   * Tells the server something that has no answer, even while the page goes away.
   * @param {string} url
   * @param {object} body
   * @throws {Doubt} when it may not have heard
   * @throws {Refusal} when the server said no
   */
  async tell(url, body) {
    const response = await this.send(url, body, { keepalive: true });
    if (response.status >= 500) throw new Doubt(`the server answered ${response.status}`);
    if (!response.ok) throw refusal(response, await readJson(response));
  }

  /**
   * @param {string} url
   * @param {object} body
   * @param {RequestInit} [how]
   */
  async send(url, body, how) {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
    try {
      return await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Kassa-Token": this.token },
        body: JSON.stringify(body),
        signal: patience.signal,
        ...how,
      });
    } catch (cause) {
      throw new Doubt("the server could not be reached", { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * @param {Response} response
 * @param {{told?: string}} answer
 */
function refusal(response, answer) {
  return new Refusal(answer.told ?? "", response.status === GONE);
}

/** @param {Response} response */
async function readJson(response) {
  try {
    return await response.json();
  } catch (cause) {
    throw new Doubt("the answer was not readable", { cause });
  }
}

/**
 * The promise's value, or a Doubt once the time is over.
 * @template T
 * @param {Promise<T>} promise
 * @param {number} milliseconds
 * @returns {Promise<T>}
 */
export function within(promise, milliseconds) {
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Doubt("no answer in time")), milliseconds);
  });
  return Promise.race([promise, /** @type {Promise<never>} */ (limit)]).finally(() => clearTimeout(timer));
}
