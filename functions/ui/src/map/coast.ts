/** Coastlines of Natural Earth, which are nobody's, as lines in any projection; they come with this page. */

import Feature from "ol/Feature.js";
import TopoJSON from "ol/format/TopoJSON.js";
import MultiLineString from "ol/geom/MultiLineString.js";
import type MultiPolygon from "ol/geom/MultiPolygon.js";
import VectorLayer from "ol/layer/Vector.js";
import type Projection from "ol/proj/Projection.js";
import { getTransform } from "ol/proj.js";
import VectorSource from "ol/source/Vector.js";
import Stroke from "ol/style/Stroke.js";
import Style from "ol/style/Style.js";
import landUrl from "world-atlas/land-50m.json?url";
import { latitudesOf, meridianOf } from "./projections";

/** Degrees beside a zone's meridian, beyond which its formulas make no sense. */
const BESIDE = 30;
/** Meters; neighbours on a coast are never so far from each other, but what is torn apart at a projection's edge is. */
const TORN = 1_500_000;
/** Degrees; the cut through Antarctica that closes its outline. */
const CUT = 179.99;

type Point = [number, number];

let topology: Promise<object> | null = null;

/** Have the coastlines loaded, while something else is; they are the same for every projection. */
export function loadCoast(): Promise<object> {
  topology ??= fetch(landUrl).then((response) => response.json() as Promise<object>);
  return topology;
}

export async function coastline(projection: Projection): Promise<VectorLayer> {
  const land = new TopoJSON().readFeatures(await loadCoast()) as unknown as Feature<MultiPolygon>[];
  const rings = land.flatMap((each) => each.getGeometry()?.getCoordinates() ?? []).flat() as Point[][];
  const lines = rings.flatMap((ring) => linesOf(ring, projection));
  const style = new Style({ stroke: new Stroke({ color: "#7a8793", width: 1 }) });
  return new VectorLayer({ source: new VectorSource({ features: [new Feature(new MultiLineString(lines))] }), style });
}

/** The parts of a ring that a projection can show. */
function linesOf(ring: Point[], projection: Projection): Point[][] {
  const [south, north] = latitudesOf(projection);
  const meridian = meridianOf(projection);
  const transform = getTransform("EPSG:4326", projection);
  const torn = projection.getUnits() === "degrees" ? 90 : TORN;
  const lines: Point[][] = [];
  let line: Point[] = [];
  for (const [longitude, latitude] of ring) {
    const beside = meridian === null ? 0 : Math.abs(((longitude - meridian + 540) % 360) - 180);
    const shown = latitude >= south && latitude <= north && Math.abs(longitude) < CUT && beside < BESIDE;
    const point = shown && transform ? (transform([longitude, latitude], undefined, 2) as Point) : null;
    const last = line.at(-1);
    if (!point?.every(Number.isFinite) || (last && distance(last, point) > torn)) {
      if (line.length > 1) lines.push(line);
      line = [];
    }
    if (point?.every(Number.isFinite)) line.push(point);
  }
  if (line.length > 1) lines.push(line);
  return lines;
}

function distance(one: Point, other: Point): number {
  return Math.hypot(one[0] - other[0], one[1] - other[1]);
}
