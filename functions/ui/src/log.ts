/** Reading a run's log: lines of its commands, and the worker's own in JSON, each after its pod's name. */

import { count, size } from "./words";

export interface Line {
  pod: string;
  text: string;
  /** The worker's event; null if a command wrote the line. */
  event: Record<string, unknown> | null;
}

/**
 * Read lines as the API gives them.
 *
 * @param alone Whether they are one task's, without its name in front; empty ones count then.
 */
export function readLines(log: string, alone = false): Line[] {
  const lines = log.split("\n");
  if (!alone) return lines.filter((line) => line !== "").map(readLine);
  if (lines.at(-1) === "") lines.pop();
  return lines.map((text) => ({ pod: "", text: plain(text), event: readEvent(text) }));
}

/** A line without its colours; of one that overwrote itself, the last state. */
function plain(line: string): string {
  const text = line.replace(/\x1b\[[0-9;:]*[mK]/g, "").replace(/\r+$/, "");
  return text.slice(text.lastIndexOf("\r") + 1);
}

function readLine(line: string): Line {
  const [, pod = "", text = line] = /^\[([^\]]*)\] ?(.*)$/s.exec(line) ?? [];
  return { pod, text: plain(text), event: readEvent(text) };
}

function readEvent(text: string): Record<string, unknown> | null {
  if (!text.startsWith("{")) return null;
  try {
    const event: unknown = JSON.parse(text);
    const known = typeof event === "object" && event !== null && "event" in event && "time" in event;
    return known ? (event as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** A line as it is shown: the worker's own in a few words. */
export function shown(line: Line): string {
  const { event } = line;
  if (!event) return line.text;
  const number = (key: string) => Number(event[key]);
  const item = typeof event.file === "string" ? ` (${event.file.replace(/^\/input_dir\//, "")})` : "";
  const command = `command ${event.number} of ${event.of}${item}`;
  const words: Record<string, string> = {
    fetched: event.cached ? `${event.name} is unchanged since it was last fetched` : `fetched ${event.name} (${size(number("size"))})`,
    command_started: `${command}: ${event.command}`,
    command_finished: `${command} finished after ${event.seconds} s`,
    command_failed: `${command} failed with exit code ${event.exit_code} after ${event.seconds} s`,
    listed: `listed the inputs: ${count(number("files"), "file")}${number("bytes") ? ` (${size(number("bytes"))})` : ""} in ${count(number("partitions"), "partition")}`,
    outputs_checked: `checked ${number("files") < number("of") ? `${event.files} of ` : ""}${count(number("of"), "output")} with GDAL`,
    published: `published (${event.output})`,
    resumed: `continues after ${finished(String(event.after))}`,
    reused: reusedInWords(number("partitions"), number("of"), number("begun")),
  };
  return words[String(event.event)] ?? `${event.event}: ${event.message ?? line.text}`;
}

function reusedInWords(partitions: number, of: number, begun: number): string {
  const first = begun ? `the first commands of ${count(begun, "partition")}` : "";
  if (!partitions) return `reused ${first || "nothing"} from earlier runs`;
  return `reused ${partitions} of ${count(of, "partition")} from earlier runs${first && `, and ${first}`}`;
}

/** What a task had finished by the end of a step of its checkpoint. */
function finished(step: string): string {
  if (step === "fetch" || step === "place") return "fetching its inputs";
  if (step === "copy" || step === "check") return "the last command";
  return step.replace(/^(run|clear|hand on) /, "command ");
}

/** A command that has failed, and what it wrote. */
export interface FailedCommand {
  number: number;
  of: number;
  line: number;
  command: string;
  exitCode: number;
  output: string[];
}

/** The command that failed last, with what its pod printed while it ran; null: the log does not have it. */
export function failedCommand(lines: Line[]): FailedCommand | null {
  const end = lines.findLastIndex((line) => line.event?.event === "command_failed");
  const pod = lines[end]?.pod;
  const begin = lines.findLastIndex(
    (line, index) => index < end && line.pod === pod && line.event?.event === "command_started",
  );
  const started = lines[begin]?.event;
  const failed = lines[end]?.event;
  if (!started || !failed || started.number !== failed.number) return null;
  return {
    number: Number(failed.number),
    of: Number(failed.of),
    line: Number(failed.line),
    command: String(started.command),
    exitCode: Number(failed.exit_code),
    output: lines.slice(begin + 1, end).filter((line) => line.pod === pod && !line.event).map((line) => line.text),
  };
}
