// Countries of the simulated Address Element: which fields they have, and what those are called.

/** Countries without postal codes. */
export const WITHOUT_POSTAL_CODE = new Set(
  "AE AG AO AW BF BI BJ BO BS BW BZ CD CF CG CI CK CM DJ DM ER FJ GD GH GM GN GQ GY HK JM KI KM KN LC ML MO MR MS MU MW NR NU PA QA RW SB SC SL SO SR ST SY TF TK TL TO TT TV TZ UG VU YE ZW".split(" "),
);

/**
 * @typedef {object} Region
 * @property {string} label
 * @property {string} codes
 */

/** @type {Record<string, Region>} countries that divide addresses by state */
export const STATES = {
  AU: { label: "State", codes: "ACT NSW NT QLD SA TAS VIC WA" },
  CA: { label: "Province", codes: "AB BC MB NB NL NS NT NU ON PE QC SK YT" },
  US: {
    label: "State",
    codes: "AL AK AS AZ AR AA AE AP CA CO CT DE DC FL GA GU HI ID IL IN IA KS KY LA ME MH MD MA MI FM MN MS MO MT NE NV NH NJ NM NY NC ND MP OH OK OR PW PA PR RI SC SD TN TX UT VT VI VA WA WV WI WY",
  },
};

/** @type {Record<string, {label: string, shape: RegExp, digits?: boolean}>} */
export const POSTAL_CODES = {
  AU: { label: "Postal code", shape: /^\d{4}$/, digits: true },
  CA: { label: "Postal code", shape: /^[a-z]\d[a-z] ?\d[a-z]\d$/i },
  DE: { label: "Postal code", shape: /^\d{5}$/, digits: true },
  GB: { label: "Postal code", shape: /^[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}$/i },
  SE: { label: "Postal code", shape: /^\d{3} ?\d{2}$/, digits: true },
  US: { label: "ZIP code", shape: /^\d{5}(-?\d{4})?$/, digits: true },
};

export const ANY_POSTAL_CODE = { label: "Postal code", shape: /\S{2,}/, digits: false };
