/** Features of a GeoJSON file or of a GeoPackage. */

import Feature from "ol/Feature.js";
import { type Extent, createEmpty, extend, isEmpty } from "ol/extent.js";
import GeoJSON from "ol/format/GeoJSON.js";
import type Geometry from "ol/geom/Geometry.js";
import VectorLayer from "ol/layer/Vector.js";
import type Projection from "ol/proj/Projection.js";
import VectorSource from "ol/source/Vector.js";
import Circle from "ol/style/Circle.js";
import Fill from "ol/style/Fill.js";
import Stroke from "ol/style/Stroke.js";
import Style from "ol/style/Style.js";
import { request } from "../api";
import { count } from "../words";
import { projectionOf, unknownProjection } from "./projections";

export const MAX_FEATURES = 20_000;
/** Degrees of latitude beyond which a map in degrees shows nothing but how wrong it is. */
const POLAR = 55;

export interface Vectors {
  layer: VectorLayer;
  projection: Projection;
  extent: Extent;
  /** What is not shown; empty: all is. */
  note: string;
}

export async function openGeoJson(path: string): Promise<Vectors> {
  const document: unknown = await (await request(path)).json();
  const format = new GeoJSON();
  const own = format.readProjection(document as object) as Projection;
  const features = format.readFeatures(document as object) as Feature<Geometry>[];
  const note = features.length > MAX_FEATURES ? `The first ${MAX_FEATURES.toLocaleString("en")} of ${count(features.length, "feature")}.` : "";
  return shownIn(features.slice(0, MAX_FEATURES), own, note);
}

export async function openGeoPackage(path: string): Promise<Vectors> {
  const content = new Uint8Array(await (await request(path)).arrayBuffer());
  const { readGeoPackage } = await import("./geopackage");
  const tables = await readGeoPackage(content, MAX_FEATURES);
  const code = tables.find((table) => table.rows.length > 0)?.code ?? null;
  const shown = tables.filter((table) => table.code === code);
  const features = shown.flatMap((table) =>
    table.rows.map(({ geometry, properties }) => {
      const feature = new Feature(geometry);
      feature.set("properties", properties, true);
      return feature;
    }),
  );
  const left = shown.filter((table) => table.total > MAX_FEATURES).map((table) => `the first ${MAX_FEATURES.toLocaleString("en")} of ${count(table.total, "row")} of ${table.name}`);
  const elsewhere = tables.filter((table) => table.code !== code).map((table) => `not ${table.name}, which is in another projection`);
  const note = [...left, ...elsewhere].join("; ");
  return shownIn(features, projectionOf(code), note && `Shown: ${note}.`);
}

/** Show features in their own projection, but degrees near a pole as one sees them from above. */
function shownIn(features: Feature<Geometry>[], own: Projection | null, note: string): Vectors {
  let extent = extentOf(features);
  let projection = own ?? unknownProjection(extent);
  const pole = projection.getCode() === "EPSG:4326" ? poleOf(extent) : null;
  if (pole) {
    for (const feature of features) feature.getGeometry()?.transform(projection, pole);
    projection = pole;
    extent = extentOf(features);
  }
  return { layer: new VectorLayer({ source: new VectorSource({ features }), style: STYLE }), projection, extent, note };
}

function poleOf([, south, , north]: Extent): Projection | null {
  if ((south as number) > POLAR) return projectionOf(3413);
  return (north as number) < -POLAR ? projectionOf(3031) : null;
}

function extentOf(features: Feature<Geometry>[]): Extent {
  const extent = createEmpty();
  for (const feature of features) {
    const own = feature.getGeometry()?.getExtent();
    if (own?.every(Number.isFinite)) extend(extent, own);
  }
  return isEmpty(extent) && !extent.every(Number.isFinite) ? [-1, -1, 1, 1] : extent;
}

const fill = new Fill({ color: "rgba(11, 83, 148, 0.35)" });
const stroke = new Stroke({ color: "#0b5394", width: 1.5 });
const STYLE = new Style({ fill, stroke, image: new Circle({ radius: 5, fill, stroke }) });

/** What is known of a feature, for people; the geometry is what they see. */
export function propertiesOf(feature: Feature): [string, string][] {
  const own = (feature.get("properties") as Record<string, unknown> | undefined) ?? feature.getProperties();
  return Object.entries(own)
    .filter(([key]) => key !== feature.getGeometryName())
    .map(([key, value]) => [key, value instanceof Uint8Array ? `${value.length} bytes` : typeof value === "object" ? JSON.stringify(value) : String(value)]);
}
