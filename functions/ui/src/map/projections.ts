/** The projections that results come in: those of the poles, of the north's countries, and UTM. */

import Projection from "ol/proj/Projection.js";
import { get } from "ol/proj.js";
import { register } from "ol/proj/proj4.js";
import proj4 from "proj4";

const WGS84 = "+datum=WGS84 +units=m +no_defs";
const HUGHES = "+a=6378273 +b=6356889.449 +units=m +no_defs";

/** By EPSG code, as the EPSG registry defines them. */
const DEFINITIONS: Record<number, string> = {
  3031: `+proj=stere +lat_0=-90 +lat_ts=-71 +lon_0=0 ${WGS84}`,
  3035: "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80 +units=m +no_defs",
  3338: "+proj=aea +lat_0=50 +lon_0=-154 +lat_1=55 +lat_2=65 +datum=NAD83 +units=m +no_defs",
  3408: "+proj=laea +lat_0=90 +lon_0=0 +R=6371228 +units=m +no_defs",
  3409: "+proj=laea +lat_0=-90 +lon_0=0 +R=6371228 +units=m +no_defs",
  3411: `+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 ${HUGHES}`,
  3412: `+proj=stere +lat_0=-90 +lat_ts=-70 +lon_0=0 ${HUGHES}`,
  3413: `+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 ${WGS84}`,
  3976: `+proj=stere +lat_0=-90 +lat_ts=-70 +lon_0=0 ${WGS84}`,
  3978: "+proj=lcc +lat_0=49 +lon_0=-95 +lat_1=49 +lat_2=77 +datum=NAD83 +units=m +no_defs",
  3995: `+proj=stere +lat_0=90 +lat_ts=71 +lon_0=0 ${WGS84}`,
  3996: `+proj=stere +lat_0=90 +lat_ts=75 +lon_0=0 ${WGS84}`,
  6931: `+proj=laea +lat_0=90 +lon_0=0 ${WGS84}`,
  6932: `+proj=laea +lat_0=-90 +lon_0=0 ${WGS84}`,
  5041: `+proj=stere +lat_0=90 +k=0.994 +lon_0=0 +x_0=2000000 +y_0=2000000 ${WGS84}`,
  5042: `+proj=stere +lat_0=-90 +k=0.994 +lon_0=0 +x_0=2000000 +y_0=2000000 ${WGS84}`,
};
[180, -150, -100, -40, 10, 90].forEach((meridian, index) => {
  DEFINITIONS[3571 + index] = `+proj=laea +lat_0=90 +lon_0=${meridian} ${WGS84}`;
});
for (let zone = 1; zone <= 60; zone += 1) {
  DEFINITIONS[32600 + zone] = `+proj=utm +zone=${zone} ${WGS84}`;
  DEFINITIONS[32700 + zone] = `+proj=utm +zone=${zone} +south ${WGS84}`;
}
DEFINITIONS[32661] = DEFINITIONS[5041] as string;
DEFINITIONS[32761] = DEFINITIONS[5042] as string;

/** The projection of an EPSG code; null: its formulas are not known here. */
export function projectionOf(code: number | null): Projection | null {
  if (code === null) return null;
  const name = `EPSG:${code}`;
  const definition = DEFINITIONS[code];
  if (definition && !get(name)) {
    proj4.defs(name, definition);
    register(proj4);
  }
  return get(name);
}

/** Coordinates of which nothing is known but that they are there. */
export function unknownProjection(extent: number[]): Projection {
  return new Projection({ code: "unknown", units: "m", extent: extent as [number, number, number, number] });
}

/** Which latitudes a projection shows well: of a polar one its own half of the Earth. */
export function latitudesOf(projection: Projection): [number, number] {
  const definition = DEFINITIONS[Number(projection.getCode().replace("EPSG:", ""))] ?? "";
  if (definition.includes("+lat_0=90 ")) return [20, 90];
  if (definition.includes("+lat_0=-90 ")) return [-90, -20];
  return projection.getCode() === "EPSG:3857" ? [-85, 85] : [-89.9, 90];
}

/** The meridian around which a projection is made, where it shows but some degrees on both sides. */
export function meridianOf(projection: Projection): number | null {
  const zone = /\+zone=(\d+)/.exec(DEFINITIONS[Number(projection.getCode().replace("EPSG:", ""))] ?? "");
  return zone ? Number(zone[1]) * 6 - 183 : null;
}
