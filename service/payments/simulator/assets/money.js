/**
 * An amount in words of its currency.
 * @param {number} amount in minor units
 * @param {string} currency
 */
export function money(amount, currency) {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(amount / 10 ** digits(currency));
}

/**
 * How many digits of a currency are minor.
 * @param {string} currency
 */
export function digits(currency) {
  return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
}
