/** The map of a file, in the file's own projection; loaded only once somebody wants to see one. */

import "ol/ol.css";
import OlMap from "ol/Map.js";
import View from "ol/View.js";
import { defaults } from "ol/control/defaults.js";
import MousePosition from "ol/control/MousePosition.js";
import { buffer, getHeight, getWidth } from "ol/extent.js";
import type BaseLayer from "ol/layer/Base.js";
import type Feature from "ol/Feature.js";
import { useEffect, useRef, useState } from "preact/hooks";
import { Refusal } from "../api";
import { Problem, Table } from "../parts";
import { Picture } from "../picture";
import { coastline, loadCoast } from "./coast";
import { RAMP } from "./colors";
import { type Raster, openRaster } from "./raster";
import { type Vectors, openGeoJson, openGeoPackage, propertiesOf } from "./vector";

type Shown = (Raster | Vectors) & { layer: BaseLayer };

function open(path: string, type: string): Promise<Shown> {
  if (type === "image/tiff") return openRaster(path);
  return type.includes("sqlite") ? openGeoPackage(path) : openGeoJson(path);
}

/** What stands at a place that was clicked at. */
interface Place {
  at: string;
  facts: [string, string][];
}

interface MapProps {
  path: string;
  type: string;
  name: string;
  /** Where a picture is that was made of it with the result; null: there is none. */
  thumbnail: string | null;
}

export function MapView({ path, type, name, thumbnail }: MapProps) {
  const target = useRef<HTMLDivElement>(null);
  const [shown, setShown] = useState<Shown | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [place, setPlace] = useState<Place | null>(null);
  useEffect(() => {
    let left = false;
    loadCoast().catch(() => undefined);
    open(path, type).then(
      (found) => left || setShown(found),
      (error: unknown) => left || setRefusal(error instanceof Refusal ? error : new Refusal(0, `It cannot be drawn: ${messageOf(error)}`)),
    );
    return () => {
      left = true;
    };
  }, [path, type]);
  useEffect(() => {
    if (!shown || !target.current) return;
    const map = build(target.current, shown, setPlace);
    return () => map.setTarget(undefined);
  }, [shown]);
  const code = shown?.projection.getCode();
  return (
    <>
      <Problem refusal={refusal} />
      {refusal && thumbnail && <Picture path={thumbnail} about={`What ${name} looks like`} />}
      {!shown && !refusal && <p role="status">Drawing…</p>}
      {shown && (
        <>
          <p>
            {code === "unknown" ? "Its projection is unknown, so it is shown without coastlines" : `In ${code}`}
            {"range" in shown && shown.range && <Legend range={shown.range} />}
            {"note" in shown && shown.note && ` ${shown.note}`}
          </p>
          <div class="map" ref={target} tabIndex={0} role="application" aria-label={`Map of ${name}; arrow keys move it, + and - zoom`} />
          {place && <PlaceFacts place={place} />}
        </>
      )}
    </>
  );
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.includes("full file") ? "the service cannot hand out parts of it" : text;
}

function PlaceFacts({ place }: { place: Place }) {
  if (place.facts.length === 0) return <p role="status">Nothing at {place.at}</p>;
  return (
    <Table caption={`At ${place.at}`} head={["What", "Value"]}>
      {place.facts.map(([key, value]) => <tr key={key}><td>{key}</td><td class="long">{value}</td></tr>)}
    </Table>
  );
}

function Legend({ range: [low, high] }: { range: [number, number] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    const picture = context?.createImageData(256, 1);
    for (let index = 0; picture && index < 256; index += 1)
      picture.data.set([...RAMP.subarray(index * 3, index * 3 + 3), 255], index * 4);
    if (picture) context?.putImageData(picture, 0, 0);
  }, []);
  const number = (value: number) => value.toLocaleString("en", { maximumSignificantDigits: 6 });
  return <span class="legend">: {number(low)} <canvas ref={canvas} width={256} height={1} aria-hidden="true" /> {number(high)}</span>;
}

function build(target: HTMLElement, shown: Shown, onPlace: (place: Place) => void): OlMap {
  const { projection, extent, layer } = shown;
  const digits = projection.getUnits() === "degrees" ? 5 : 0;
  const inWords = (place: number[]) => place.slice(0, 2).map((each) => each.toFixed(digits)).join(", ");
  const position = new MousePosition({ coordinateFormat: (place) => inWords(place ?? []), placeholder: projection.getCode() });
  const size = Math.max(getWidth(extent), getHeight(extent)) || 1;
  const view = new View({ projection, maxResolution: size / 20, minResolution: size / 1e7, extent: buffer(extent, 10 * size), smoothExtentConstraint: true });
  const map = new OlMap({
    target,
    view,
    layers: [layer],
    controls: defaults({ attribution: false, rotate: false }).extend([position]),
  });
  view.fit(getWidth(extent) + getHeight(extent) > 0 ? extent : buffer(extent, 1), { padding: [16, 16, 16, 16] });
  if (projection.getCode() !== "unknown")
    coastline(projection).then((coast) => map.getLayers().insertAt("range" in shown ? 1 : 0, coast), () => undefined);
  map.on("singleclick", async ({ coordinate, pixel }) => {
    const facts = "valuesAt" in shown ? await rasterFacts(shown, coordinate) : vectorFacts(map, pixel, layer);
    onPlace({ at: inWords(coordinate), facts });
  });
  // For whoever looks at the page from outside, such as its tests.
  const tell = () => {
    target.dataset.center = (view.getCenter() ?? []).join(" ");
    target.dataset.resolution = String(view.getResolution());
  };
  map.on("rendercomplete", tell);
  return map;
}

async function rasterFacts(shown: Raster, coordinate: number[]): Promise<[string, string][]> {
  const values = await shown.valuesAt(coordinate).catch(() => null);
  return (values ?? []).map((value, band) => [`band ${band + 1}`, String(value)]);
}

function vectorFacts(map: OlMap, pixel: number[], layer: BaseLayer): [string, string][] {
  const [feature] = map.getFeaturesAtPixel(pixel, { hitTolerance: 4, layerFilter: (each) => each === layer });
  return feature ? propertiesOf(feature as Feature) : [];
}
