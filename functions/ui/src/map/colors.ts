/** Colours for numbers: from dark blue over green to yellow, which people with any kind of sight can tell apart. */

const STOPS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
];

/** 256 colours as red, green and blue one after the other. */
export const RAMP = new Uint8Array(
  Array.from({ length: 256 }, (_, index) => {
    const at = (index / 255) * (STOPS.length - 1);
    const low = Math.min(Math.floor(at), STOPS.length - 2);
    const [one, other] = [STOPS[low] as number[], STOPS[low + 1] as number[]];
    return one.map((value, band) => Math.round(value + ((other[band] as number) - value) * (at - low)));
  }).flat(),
);
