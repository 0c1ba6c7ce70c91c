/** GeoTIFFs, read by ranges: of each tile of the map as many pixels as it has, from the overview that has them. */

import { BaseClient, BaseResponse, type GeoTIFFImage, type TypedArray, fromCustomClient } from "geotiff";
import { type Extent, getHeight, getWidth } from "ol/extent.js";
import TileLayer from "ol/layer/Tile.js";
import type Projection from "ol/proj/Projection.js";
import DataTileSource from "ol/source/DataTile.js";
import TileGrid from "ol/tilegrid/TileGrid.js";
import { request } from "../api";
import { RAMP } from "./colors";
import { projectionOf, unknownProjection } from "./projections";

const TILE = 256;
/** Bytes that are asked for at once, at least. */
const BLOCK = 1 << 16;
const BLOCKS = 500;
/** Pixels of an image without overviews, all of which have to be read for its first picture. */
const MAX_PIXELS = 50_000_000;
/** Pixels that smallest and largest are looked for among, in each direction. */
const SAMPLE = 512;
const [IS_MASK, PALETTE, RGB] = [4, 3, 2];

export interface Raster {
  layer: TileLayer;
  projection: Projection;
  extent: Extent;
  /** Smallest and largest value of what is coloured by its value; null: the file has colours of its own. */
  range: [number, number] | null;
  /** The values of all bands at a place; null: outside. */
  valuesAt: (place: number[]) => Promise<number[] | null>;
}

/** How numbers become a pixel: red, green, blue and opacity, from the bands' values. */
type Paint = (values: number[], pixel: Uint8ClampedArray, at: number) => void;

export async function openRaster(path: string): Promise<Raster> {
  const tiff = await fromCustomClient(new Client(path), { blockSize: BLOCK, cacheSize: BLOCKS });
  const images = await shownImages(await all(tiff));
  const [first] = images as [GeoTIFFImage];
  if (images.length === 1 && first.getWidth() * first.getHeight() > MAX_PIXELS)
    throw new Error("It has no overviews and is too large to be drawn without: have the recipe make a COG of it, or add some with gdaladdo.");
  const extent = first.getBoundingBox() as Extent;
  const keys = first.getGeoKeys();
  const code = (keys?.ProjectedCSTypeGeoKey ?? keys?.GeographicTypeGeoKey ?? null) as number | null;
  const projection = projectionOf(code) ?? unknownProjection(extent);
  const { paint, range } = await painting(first, images.at(-1) ?? first);
  const grid = gridOf(extent, first);
  const source = new DataTileSource({
    projection,
    tileGrid: grid,
    interpolate: false,
    transition: 0,
    wrapX: false,
    loader: (z, x, y, { signal }) => drawTile(images, extent, grid, [z, x, y], paint, signal),
  });
  const valuesAt = (place: number[]) => readValues(first, extent, place);
  return { layer: new TileLayer({ source: source as never }), projection, extent, range, valuesAt };
}

/** Asks as this page does, with its token; a server that sends all of a file in place of a range is refused. */
class Client extends BaseClient {
  override async request(options: RequestInit = {}): Promise<BaseResponse> {
    const { headers = {}, signal = null } = options;
    return new Answer(await request(this.url, { headers, signal }));
  }
}

class Answer extends BaseResponse {
  constructor(readonly response: Response) {
    super();
  }
  override get status(): number {
    return this.response.status;
  }
  override getHeader(name: string): string {
    return this.response.headers.get(name) ?? "";
  }
  override getData(): Promise<ArrayBuffer> {
    return this.response.arrayBuffer();
  }
}

async function all(tiff: Awaited<ReturnType<typeof fromCustomClient>>): Promise<GeoTIFFImage[]> {
  const count = await tiff.getImageCount();
  return Promise.all(Array.from({ length: count }, (_, index) => tiff.getImage(index)));
}

/** The image and its overviews, from the largest to the smallest. */
async function shownImages(images: GeoTIFFImage[]): Promise<GeoTIFFImage[]> {
  const kinds = await Promise.all(images.map((image) => tagOf<number>(image, "NewSubfileType")));
  const shown = images.filter((_, index) => index === 0 || (((kinds[index] ?? 0) & 1) === 1 && !((kinds[index] ?? 0) & IS_MASK)));
  return shown.sort((one, other) => other.getWidth() - one.getWidth());
}

async function tagOf<T>(image: GeoTIFFImage, tag: string): Promise<T | undefined> {
  const directory = image.fileDirectory as unknown as { hasTag: (tag: string) => boolean; loadValue: (tag: string) => Promise<T> };
  return directory.hasTag(tag) ? directory.loadValue(tag) : undefined;
}

/** A grid of square pixels over the image, whose own need not be square. */
function gridOf(extent: Extent, image: GeoTIFFImage): TileGrid {
  const finest = Math.min(getWidth(extent) / image.getWidth(), getHeight(extent) / image.getHeight());
  const resolutions = [finest];
  const size = Math.max(getWidth(extent), getHeight(extent));
  while ((resolutions[0] as number) * TILE < size) resolutions.unshift((resolutions[0] as number) * 2);
  return new TileGrid({ extent, origin: [extent[0] as number, extent[3] as number], resolutions, tileSize: TILE });
}

async function painting(image: GeoTIFFImage, smallest: GeoTIFFImage): Promise<{ paint: Paint; range: Raster["range"] }> {
  const bands = image.getSamplesPerPixel();
  const noData = image.getGDALNoData();
  const kind = await tagOf<number>(image, "PhotometricInterpretation");
  const colors = kind === PALETTE ? await tagOf<ArrayLike<number>>(image, "ColorMap") : undefined;
  if (colors) return { paint: fromPalette(colors, noData), range: null };
  const isBytes = image.getBitsPerSample() === 8 && image.getSampleFormat() === 1;
  const isColored = bands >= 3 && isBytes && (kind === RGB || kind === 6);
  if (isColored) return { paint: asItIs(bands, noData), range: null };
  const range = await rangeOf(image, smallest, noData);
  return { paint: byValue(range, bands === 2 && isBytes, noData), range };
}

function asItIs(bands: number, noData: number | null): Paint {
  return (values, pixel, at) => {
    const hidden = bands === 3 && noData !== null && values.every((value) => value === noData);
    pixel.set([values[0] ?? 0, values[1] ?? 0, values[2] ?? 0, hidden ? 0 : bands > 3 ? (values[3] ?? 255) : 255], at);
  };
}

function fromPalette(colors: ArrayLike<number>, noData: number | null): Paint {
  const count = colors.length / 3;
  const band = (index: number, value: number) => (colors[index * count + value] ?? 0) >> 8;
  return ([value = 0], pixel, at) => {
    pixel.set([band(0, value), band(1, value), band(2, value), value === noData ? 0 : 255], at);
  };
}

function byValue([low, high]: [number, number], hasAlpha: boolean, noData: number | null): Paint {
  const scale = high > low ? 255 / (high - low) : 0;
  return ([value = Number.NaN, alpha = 255], pixel, at) => {
    if (value === noData || !Number.isFinite(value)) return;
    const color = Math.max(0, Math.min(255, Math.round((value - low) * scale))) * 3;
    pixel.set([RAMP[color] ?? 0, RAMP[color + 1] ?? 0, RAMP[color + 2] ?? 0, hasAlpha ? alpha : 255], at);
  };
}

/** Smallest and largest value: from the file's metadata, otherwise of a sample of its pixels. */
async function rangeOf(image: GeoTIFFImage, smallest: GeoTIFFImage, noData: number | null): Promise<[number, number]> {
  const metadata = await image.getGDALMetadata(0).catch(() => null);
  const known: [number, number] = [Number(metadata?.STATISTICS_MINIMUM), Number(metadata?.STATISTICS_MAXIMUM)];
  if (metadata?.STATISTICS_MINIMUM !== undefined && known.every(Number.isFinite)) return known;
  const width = Math.min(smallest.getWidth(), SAMPLE);
  const height = Math.min(smallest.getHeight(), SAMPLE);
  const [values] = (await smallest.readRasters({ samples: [0], width, height })) as unknown as [TypedArray];
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value === noData || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 0];
}

async function drawTile(
  images: GeoTIFFImage[],
  extent: Extent,
  grid: TileGrid,
  tile: number[],
  paint: Paint,
  signal: AbortSignal,
): Promise<HTMLCanvasElement> {
  const canvas = document.createElement("canvas");
  canvas.width = TILE;
  canvas.height = TILE;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const picture = context.createImageData(TILE, TILE);
  const resolution = grid.getResolution(tile[0] as number);
  const [west, , , north] = grid.getTileCoordExtent(tile) as [number, number, number, number];
  const image = bestOf(images, extent, resolution);
  const [across, down] = [getWidth(extent) / image.getWidth(), getHeight(extent) / image.getHeight()];
  const columns = pixelsOf((west - (extent[0] as number)) / across, resolution / across, image.getWidth());
  const rows = pixelsOf(((extent[3] as number) - north) / down, resolution / down, image.getHeight());
  if (columns && rows) {
    const window = [columns.from, rows.from, columns.to, rows.to];
    const bands = (await image.readRasters({ window, signal })) as unknown as TypedArray[];
    const width = columns.to - columns.from;
    for (let y = 0; y < TILE; y += 1)
      for (let x = 0; x < TILE; x += 1) {
        const [column, row] = [columns.at[x] as number, rows.at[y] as number];
        if (column < 0 || row < 0) continue;
        paint(bands.map((band) => band[row * width + column] as number), picture.data, (y * TILE + x) * 4);
      }
    context.putImageData(picture, 0, 0);
  }
  return canvas;
}

/** The smallest image whose pixels are as fine as the map's. */
function bestOf(images: GeoTIFFImage[], extent: Extent, resolution: number): GeoTIFFImage {
  const fine = images.filter((image) => getWidth(extent) / image.getWidth() <= resolution * 1.01);
  return fine.at(-1) ?? (images[0] as GeoTIFFImage);
}

/** Which of an image's pixels, from where to where, and which of these for each of a tile's; -1: there is none. */
function pixelsOf(begin: number, step: number, size: number): { from: number; to: number; at: number[] } | null {
  const at = Array.from({ length: TILE }, (_, index) => Math.floor(begin + (index + 0.5) * step));
  const inside = at.filter((each) => each >= 0 && each < size);
  const [from, to] = [inside[0], inside.at(-1)];
  if (from === undefined || to === undefined) return null;
  return { from, to: to + 1, at: at.map((each) => (each >= from && each <= to ? each - from : -1)) };
}

async function readValues(image: GeoTIFFImage, extent: Extent, place: number[]): Promise<number[] | null> {
  const column = Math.floor((((place[0] as number) - (extent[0] as number)) / getWidth(extent)) * image.getWidth());
  const row = Math.floor((((extent[3] as number) - (place[1] as number)) / getHeight(extent)) * image.getHeight());
  if (column < 0 || row < 0 || column >= image.getWidth() || row >= image.getHeight()) return null;
  const bands = (await image.readRasters({ window: [column, row, column + 1, row + 1] })) as unknown as TypedArray[];
  return bands.map((band) => band[0] as number);
}
