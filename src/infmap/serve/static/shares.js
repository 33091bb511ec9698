/**
 * Shares of lungs and zones at any threshold, as infmap.inference.postprocess counts them.
 *
 * Levels 0 to 255 are probabilities 0 to 1. Zones are 0 outside the lungs, 1 to 6 for A to F; A to C
 * are the patient's right lung.
 */

const LEVELS = 256;
const ZONES = 7;

/** The lowest level, 1 to 255, whose probability reaches a threshold in (0, 1). */
export function firstLevel(threshold) {
  const least = Math.fround(threshold);
  for (let level = 1; level < LEVELS; level++)
    if (Math.fround(Math.fround(level) / Math.fround(255)) >= least) return level;
  return LEVELS - 1;
}

/**
 * Pixels by zone, level of infection and level of opacity: Uint32Array of 7 x 256 x 256.
 *
 * Both levels together, for an infected pixel is an opaque one whatever the opacity map says of it.
 */
export function count(infection, opacity, zones) {
  const counts = new Uint32Array(ZONES * LEVELS * LEVELS);
  for (let at = 0; at < zones.length; at++) {
    const zone = zones[at];
    if (zone) counts[(zone << 16) | (infection[at] << 8) | opacity[at]]++;
  }
  return counts;
}

/**
 * Shares at two thresholds: {zones: [{infected, opaque, area}] of A to F, right, left, both}; a share
 * of nothing is NaN. `area` in pixels.
 */
export function shares(counts, { infection, opacity }) {
  const [first, opaqueFrom] = [firstLevel(infection), firstLevel(opacity)];
  const zones = [];
  for (let zone = 1; zone < ZONES; zone++) {
    let [infected, opaque, area] = [0, 0, 0];
    for (let level = 0, at = zone << 16; level < LEVELS; level++)
      for (let grey = 0; grey < LEVELS; grey++, at++) {
        const n = counts[at];
        if (!n) continue;
        area += n;
        if (level >= first) infected += n;
        if (level >= first || grey >= opaqueFrom) opaque += n;
      }
    zones.push([infected, opaque, area]);
  }
  const sum = (some) => {
    const [infected, opaque, area] = [0, 1, 2].map((k) => some.reduce((total, one) => total + one[k], 0));
    return { infected: infected / area, opaque: opaque / area, area };
  };
  return {
    zones: zones.map((one) => sum([one])),
    right: sum(zones.slice(0, 3)),
    left: sum(zones.slice(3)),
    both: sum(zones),
  };
}
