/** GeoPackages: a database that SQLite itself, as WebAssembly, reads in memory; nothing of it is trusted. */

import initSqlJs, { type Database, type SqlValue } from "sql.js";
import wasmUrl from "sql.js/dist/sql-wasm-browser.wasm?url";
import WKB from "ol/format/WKB.js";
import type Geometry from "ol/geom/Geometry.js";

/** A table of features, in the coordinates that it has. */
export interface FeatureTable {
  name: string;
  /** EPSG code; null: it has another. */
  code: number | null;
  total: number;
  rows: { geometry: Geometry; properties: Record<string, SqlValue> }[];
}

const TABLES = 10;
/** Bytes of the envelope that may stand before a geometry, by what its flags say. */
const ENVELOPES = [0, 32, 48, 48, 64];
const HEADER = 8;

/** Read the first features of each table. */
export async function readGeoPackage(content: Uint8Array, limit: number): Promise<FeatureTable[]> {
  const sqlite = await initSqlJs({ locateFile: () => wasmUrl });
  const database = new sqlite.Database(content);
  try {
    const real = tablesOf(database);
    if (!["gpkg_contents", "gpkg_geometry_columns", "gpkg_spatial_ref_sys"].every((name) => real.has(name)))
      throw new Error("This is not a GeoPackage with features.");
    const found = rowsOf(
      database,
      `SELECT c.table_name AS name, g.column_name AS geometry, s.organization, s.organization_coordsys_id AS code
       FROM gpkg_contents c JOIN gpkg_geometry_columns g ON g.table_name = c.table_name
       LEFT JOIN gpkg_spatial_ref_sys s ON s.srs_id = g.srs_id WHERE c.data_type = 'features' LIMIT ${TABLES}`,
    );
    return found.filter((table) => real.has(String(table.name))).map((table) => readTable(database, table, limit));
  } finally {
    database.close();
  }
}

/** Tables that are what they seem: a view could compute for ever. */
function tablesOf(database: Database): Set<string> {
  const rows = rowsOf(database, "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%CREATE VIRTUAL%'");
  return new Set(rows.map((row) => String(row.name)));
}

function readTable(database: Database, table: Record<string, SqlValue>, limit: number): FeatureTable {
  const name = String(table.name);
  const quoted = `"${name.replaceAll('"', '""')}"`;
  const [count] = rowsOf(database, `SELECT count(*) AS total FROM ${quoted}`);
  const rows = rowsOf(database, `SELECT * FROM ${quoted} LIMIT ${limit}`);
  const isEpsg = String(table.organization).toUpperCase() === "EPSG";
  return {
    name,
    code: isEpsg ? Number(table.code) : null,
    total: Number(count?.total ?? 0),
    rows: rows.flatMap((row) => featureOf(row, String(table.geometry))),
  };
}

function featureOf(row: Record<string, SqlValue>, column: string): FeatureTable["rows"] {
  const { [column]: blob, ...properties } = row;
  const geometry = blob instanceof Uint8Array ? geometryOf(blob) : null;
  return geometry ? [{ geometry, properties }] : [];
}

/**
 * Read a geometry; null: there is none, or none that can be drawn.
 *
 * Source: OGC 12-128r19, section 2.1.3 (GeoPackageBinary).
 */
function geometryOf(blob: Uint8Array): Geometry | null {
  const flags = blob[3] ?? 0;
  const envelope = ENVELOPES[(flags >> 1) & 7];
  if (blob[0] !== 0x47 || blob[1] !== 0x50 || envelope === undefined || flags & 0x10) return null;
  try {
    return new WKB().readGeometry(blob.slice(HEADER + envelope).buffer as ArrayBuffer);
  } catch {
    return null;
  }
}

function rowsOf(database: Database, query: string): Record<string, SqlValue>[] {
  const statement = database.prepare(query);
  const rows: Record<string, SqlValue>[] = [];
  try {
    while (statement.step()) rows.push(statement.getAsObject());
  } finally {
    statement.free();
  }
  return rows;
}
