/** How figures are worded: as in the report. */

export const NOTICE = "Research use only, not a medical device";
export const DASH = "–";
export const GRADES = ["none", "mild", "moderate", "severe", "critical"];
export const ZONES = ["A", "B", "C", "D", "E", "F"];

/** A share in [0, 1] as whole per cent; a share that is not 0 does not read as 0. */
export function percent(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return DASH;
  if (value > 0 && value < 0.01) return "<1 %";
  return `${Math.floor(100 * value + 0.5)} %`;
}

/** A probability with two decimals, never claiming certainty. */
export function probability(value) {
  if (value === null || value === undefined) return DASH;
  if (value > 0.99) return ">0.99";
  return value < 0.01 ? "<0.01" : value.toFixed(2);
}

/** A grade with those that its interval allows. */
export function gradeText({ grade, grades = [] }) {
  return grades.length > 1 ? `${grade} (${grades[0]} to ${grades[grades.length - 1]})` : grade;
}

/** A difference of two shares in percentage points. */
export function points(now, before) {
  if (now === null || before === null || now === undefined || before === undefined) return DASH;
  const change = Math.round(100 * now) - Math.round(100 * before);
  return `${change > 0 ? "+" : change < 0 ? "−" : "±"}${Math.abs(change)} points`;
}

/** When another film was made, from this one. */
export function daysText(days) {
  if (days === 0) return "same day";
  const n = Math.abs(days);
  return `${n} day${n === 1 ? "" : "s"} ${days < 0 ? "earlier" : "later"}`;
}

/** The view that a file states; a picture, and many a DICOM file, states none. */
export const viewText = (view) => view || "view not stated";

/** What to mind when films of these views are compared; null where all state the same one. */
export function viewsApart(views) {
  const stated = [...new Set(views.filter(Boolean))].sort();
  const unknown = views.filter((view) => !view).length;
  if (stated.length > 1) return `Views differ (${stated.join(", ")}): breath, posture and magnification differ with them, and so does the extent that is read. A change between such films may be none.`;
  if (unknown) return `${unknown === views.length ? "No file states" : `${unknown} of ${views.length} files do not state`} whether it is AP or PA: a change may come from the view.`;
  return null;
}

/** A rate with its interval. */
export const rate = ({ value, low, high }) => `${percent(value)} (95 % interval ${percent(low)} to ${percent(high)})`;

/** A share in percentage points, with its sign. */
function signed(share, digits) {
  const text = Math.abs(100 * share).toFixed(digits);
  return `${Number(text) === 0 ? "" : share > 0 ? "+" : "−"}${text}`;
}

/** How much a share was too high or too low on some films, on average and on single ones. */
export function shareError({ bias, low, high, lower, upper, within }) {
  const size = Math.abs(100 * bias).toFixed(1);
  const side = Number(size) === 0 ? "neither too high nor too low on average" : `on average ${size} points too ${bias > 0 ? "high" : "low"}`;
  return `${side} [${signed(low, 1)}, ${signed(high, 1)}]; ${percent(within)} of single films lie between ${signed(lower, 0)} and ${signed(upper, 0)}`;
}
