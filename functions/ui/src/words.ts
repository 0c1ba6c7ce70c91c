/** Numbers and times as people read them. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A number of bytes, as the command line prints it (see amounts.py). */
export function size(bytes: number | null): string {
  if (bytes === null) return "?";
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

/** A time to the second; all are in UTC, as in the logs. */
export function time(text: string | null): string {
  return text === null ? "" : `${new Date(text).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

export function seconds(begin: string | null, end: string | null): number | null {
  if (begin === null) return null;
  return Math.max(0, ((end === null ? Date.now() : Date.parse(end)) - Date.parse(begin)) / 1000);
}

export function duration(begin: string | null, end: string | null): string {
  const all = seconds(begin, end);
  if (all === null) return "";
  if (all < 60) return `${all.toFixed(end === null ? 0 : 1)} s`;
  const minutes = Math.floor(all / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(all % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function count(number: number, one: string, several = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : several}`;
}
