/** What a file of the result looks like: on a map, as a table, a picture or text. */

import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { OutputFile } from "./answers";
import { Refusal, request } from "./api";
import { Pre, Problem, Table } from "./parts";
import { Picture } from "./picture";
import { useAsked } from "./poll";
import { count, size } from "./words";

/** Bytes of a vector file, all of which has to be held. */
const MAX_VECTOR = 50 * 2 ** 20;
const MAX_PICTURE = 20 * 2 ** 20;
const BEGINNING = 1 << 16;
const [ROWS, COLUMNS] = [200, 40];

const MAPS = new Set(["image/tiff", "application/geo+json", "application/geopackage+sqlite3"]);

/** Whether there is something to look at. */
export function canShow(file: OutputFile): boolean {
  return MAPS.has(file.type) || file.type.startsWith("image/") || isText(file);
}

export function Preview({ file }: { file: OutputFile }) {
  return (
    <section class="preview" aria-label={`Preview of ${file.path}`}>
      <h3>{file.path}</h3>
      <Shown file={file} />
    </section>
  );
}

function Shown({ file }: { file: OutputFile }) {
  if (MAPS.has(file.type)) {
    const isTooLarge = file.type !== "image/tiff" && file.size > MAX_VECTOR;
    if (isTooLarge) return <p>Files of features are shown up to {size(MAX_VECTOR)}; this one has {size(file.size)}. Download it.</p>;
    return <LazyMap file={file} />;
  }
  if (file.type.startsWith("image/"))
    return file.size > MAX_PICTURE ? <p>This picture is too large to be shown. Download it.</p> : <Picture path={file.url} about={file.path} />;
  if (isText(file)) return <Beginning file={file} />;
  return <p>This file cannot be shown here. Download it.</p>;
}

function isText(file: OutputFile): boolean {
  return file.type.startsWith("text/") || file.type === "application/json";
}

// Whoever was sent an address of a map waits for no answer before it is loaded.
if (/[?&]file=[^&]*\.(tiff?|gpkg|geojson)(&|$)/i.test(location.search)) void import("./map/map").catch(() => undefined);

type MapView = FunctionComponent<{ path: string; type: string; name: string; thumbnail: string | null }>;

/** The map is many times what the rest of this page is, and is loaded when somebody looks at one. */
function LazyMap({ file }: { file: OutputFile }) {
  const [View, setView] = useState<MapView | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  useEffect(() => {
    import("./map/map").then(
      (found) => setView(() => found.MapView),
      () => setRefusal(new Refusal(0, "The map could not be loaded. Reload this page: the deployment may have changed.")),
    );
  }, []);
  return (
    <>
      <Problem refusal={refusal} />
      {View ? <View path={file.url} type={file.type} name={file.path} thumbnail={file.thumbnail ?? null} /> : !refusal && <p role="status">Loading the map…</p>}
    </>
  );
}

function Beginning({ file }: { file: OutputFile }) {
  const { data, refusal } = useAsked(file.url, beginningOf);
  const isCsv = file.type.startsWith("text/csv") || file.path.toLowerCase().endsWith(".tsv");
  const more = file.size > BEGINNING ? ` The first ${size(BEGINNING)} of ${size(file.size)}.` : "";
  return (
    <>
      <Problem refusal={refusal} />
      {data !== null && (isCsv ? <Rows text={data} isCut={file.size > BEGINNING} /> : <Pre label={file.path}>{data}</Pre>)}
      {more && <p>{more}</p>}
    </>
  );
}

/** The beginning of a file; of one that is not handed out in parts no more is read than is wanted. */
async function beginningOf(path: string): Promise<string> {
  const response = await request(path, { headers: { Range: `bytes=0-${BEGINNING - 1}` } });
  const reader = response.body?.getReader();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (let have = 0; reader && have < BEGINNING; ) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    have += value.length;
  }
  await reader?.cancel();
  return (await new Blob(pieces).text()).slice(0, BEGINNING);
}

function Rows({ text, isCut }: { text: string; isCut: boolean }) {
  const all = rowsOf(text, separatorOf(text));
  const [head = [], ...rows] = isCut ? all.slice(0, -1) : all;
  const shown = rows.slice(0, ROWS);
  return (
    <>
      <Table caption={`The first ${count(shown.length, "row")}`} head={head.slice(0, COLUMNS)}>
        {shown.map((row, index) => (
          <tr key={index}>{row.slice(0, COLUMNS).map((cell, column) => <td key={column}>{cell}</td>)}</tr>
        ))}
      </Table>
      {head.length > COLUMNS && <p>The first {COLUMNS} of {head.length} columns.</p>}
    </>
  );
}

function separatorOf(text: string): string {
  const line = text.slice(0, text.indexOf("\n") >>> 0);
  return [",", ";", "\t"].reduce((best, each) => (line.split(each).length > line.split(best).length ? each : best));
}

/** Rows of a CSV file (RFC 4180): cells in quotes may hold separators, newlines, and quotes twice. */
export function rowsOf(text: string, separator: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < text.length && rows.length <= ROWS + 1; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') cell += text[(at += 1)];
      else quoted = false;
    } else if (letter === '"' && cell === "") quoted = true;
    else if (letter === separator) {
      row.push(cell);
      cell = "";
    } else if (letter === "\n") {
      rows.push([...row, cell.replace(/\r$/, "")]);
      row = [];
      cell = "";
    } else cell += letter;
  }
  if (cell || row.length) rows.push([...row, cell]);
  return rows;
}
