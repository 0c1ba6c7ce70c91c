/** The log of one task, of any length: a window of it is held, which moves with the reader, and all of it is searched. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { LogMatch, LogMatches, LogPart, RunDetail } from "./answers";
import { Refusal, get, save, saveText } from "./api";
import { readLines, shown } from "./log";
import { Problem } from "./parts";
import { size } from "./words";

const PART = 1 << 16;
/** Parts that are held; each is as long as a few screens. */
const HELD = 4;
const CONTEXT = 1 << 12;
const END = 2 ** 40;
const PAUSE = 3_000;
const NEAR = 200;

/** Parts that follow each other, and the line that was looked for, by its number in the part it is in. */
interface Window {
  parts: LogPart[];
  found: { part: number; line: number } | null;
  /** Where the reader wants to be, if they want to be anywhere else than before. */
  edge?: "top" | "end";
}

export function TaskLog({ run, task }: { run: RunDetail; task: string }) {
  const log = useWindow(run, task);
  const { view, refusal, follows, setFollows } = log;
  const first = view?.parts[0];
  const last = view?.parts.at(-1);
  const logs = `/runs/${run.name}/logs`;
  const name = `${run.name}-${task.replace("/", "-")}.log`;
  return (
    <>
      <Search run={run} task={task} of={last?.size ?? 0} onChoice={log.find} />
      <div class="filters">
        <button type="button" disabled={!first || first.begin === 0} onClick={() => log.show("top")}>Beginning</button>
        <button type="button" disabled={!last || atEnd(last)} onClick={() => log.show("end")}>End</button>
        {last && !last.is_whole && (
          <button type="button" aria-pressed={!follows} onClick={() => setFollows(!follows)}>
            {follows ? "Pause" : "Follow"}
          </button>
        )}
        <button type="button" onClick={() => save(`${logs}?task=${encodeURIComponent(task)}`, name)}>Download all</button>
        <button type="button" disabled={!view} onClick={() => view && saveText(textOf(view), name)}>Download what is shown</button>
      </div>
      <Problem refusal={refusal} />
      {view && first && last && (
        <>
          <p role="status">{last.size === 0 ? "Nothing was printed." : `${size(first.begin)} to ${size(last.end)} of ${size(last.size)}`}</p>
          <Lines view={view} onTop={log.earlier} onBottom={log.later} />
        </>
      )}
    </>
  );
}

function atEnd(part: LogPart): boolean {
  return part.end >= part.size;
}

function textOf(view: Window): string {
  return view.parts.map((part) => part.text).join("");
}

interface LinesProps {
  view: Window;
  onTop: () => void;
  onBottom: () => void;
}

/** The parts one below the other; those that stay are kept where the reader sees them when others come and go. */
function Lines({ view, onTop, onBottom }: LinesProps) {
  const box = useRef<HTMLPreElement>(null);
  const kept = useRef<Map<string, number>>(new Map());
  useLayoutEffect(() => {
    const pre = box.current;
    if (!pre) return;
    const parts = [...pre.querySelectorAll<HTMLElement>("[data-begin]")];
    const stayed = parts.find((part) => kept.current.has(part.dataset.begin ?? ""));
    const mark = pre.querySelector("mark");
    if (mark) mark.scrollIntoView({ block: "center" });
    else if (view.edge) pre.scrollTop = view.edge === "top" ? 0 : pre.scrollHeight;
    else if (stayed) pre.scrollTop += stayed.offsetTop - (kept.current.get(stayed.dataset.begin ?? "") ?? 0);
    kept.current = new Map(parts.map((part) => [part.dataset.begin ?? "", part.offsetTop]));
  }, [view]);
  const moved = (event: Event) => {
    const pre = event.currentTarget as HTMLElement;
    if (pre.scrollTop < NEAR) onTop();
    if (pre.scrollTop + pre.clientHeight > pre.scrollHeight - NEAR) onBottom();
  };
  return (
    <pre class="log" ref={box} tabIndex={0} role="region" aria-label="Log" onScroll={moved}>
      {view.parts.map((part) => (
        <span class="part" key={part.begin} data-begin={part.begin}>
          <LogText text={part.text} found={view.found?.part === part.begin ? view.found.line : null} />
        </span>
      ))}
    </pre>
  );
}

/** The lines of a part: those of commands as one text, so that a thousand of them are one node. */
function LogText({ text, found }: { text: string; found: number | null }) {
  const pieces: preact.JSX.Element[] = [];
  let plain = "";
  const flush = () => {
    if (plain) pieces.push(<span key={pieces.length}>{plain}</span>);
    plain = "";
  };
  readLines(text, true).forEach((line, index) => {
    if (index !== found && !line.event) {
      plain += `${line.text}\n`;
      return;
    }
    flush();
    const Kind = index === found ? "mark" : "span";
    pieces.push(<Kind key={pieces.length} class={line.event ? "event" : ""}>{`${shown(line)}\n`}</Kind>);
  });
  flush();
  return <>{pieces}</>;
}

function useWindow(run: RunDetail, task: string) {
  const path = `/runs/${run.name}/logs/${task.split("/").map(encodeURIComponent).join("/")}`;
  const [view, setView] = useState<Window | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [follows, setFollows] = useState(true);
  const busy = useRef(false);
  const newest = useRef(0);

  /** Ask for parts, one question after the other: a reader who scrolls asks many times. */
  async function move(work: () => Promise<Window | null>, urgent = false): Promise<void> {
    if (busy.current && !urgent) return;
    const mine = ++newest.current;
    busy.current = true;
    try {
      const found = await work();
      if (mine !== newest.current) return;
      if (found) setView(found);
      setRefusal(null);
    } catch (error) {
      if (mine === newest.current) setRefusal(error instanceof Refusal ? error : new Refusal(0, String(error)));
    } finally {
      if (mine === newest.current) busy.current = false;
    }
  }

  const ask = (query: string) => get<LogPart>(`${path}?${query}`);
  const show = (edge: "top" | "end") =>
    move(async () => {
      const part = await ask(`${edge === "top" ? "after=0" : `before=${END}`}&limit=${PART}`);
      return { parts: [part], found: null, edge };
    }, true);
  const find = (at: number) => {
    setFollows(false);
    return move(async () => {
      const [before, after] = await Promise.all([
        at > 0 ? ask(`before=${at}&limit=${CONTEXT}`) : null,
        ask(`after=${at}&limit=${PART}`),
      ]);
      return { parts: before ? [before, after] : [after], found: { part: after.begin, line: 0 } };
    }, true);
  };
  const earlier = () => {
    const first = view?.parts[0];
    if (first && first.begin > 0 && !(follows && !first.is_whole))
      void move(async () => {
        const part = await ask(`before=${first.begin}&limit=${PART}`);
        return { parts: [part, ...(view?.parts ?? [])].slice(0, HELD), found: null };
      });
  };
  const later = () => {
    const last = view?.parts.at(-1);
    if (last && !atEnd(last) && !(follows && !last.is_whole))
      void move(async () => {
        const part = await ask(`after=${last.end}&limit=${PART}`);
        return { parts: [...(view?.parts ?? []), part].slice(-HELD), found: null };
      });
  };

  const isWhole = view?.parts.at(-1)?.is_whole ?? false;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let left = false;
    async function read(): Promise<void> {
      const begun = Date.now();
      if (!document.hidden) await show("end");
      // What is read anew each time may be long: it takes no more than a part of the service's time.
      if (!left) timer = setTimeout(read, Math.max(PAUSE, 5 * (Date.now() - begun)));
    }
    if (follows && !isWhole) void read();
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [path, follows, isWhole]);

  return { view, refusal, follows, setFollows, show, find, earlier, later };
}

interface SearchProps {
  run: RunDetail;
  task: string;
  of: number;
  onChoice: (at: number) => void;
}

/** Finds lines in all of the log, also in what is not held here. */
function Search({ run, task, of, onChoice }: SearchProps) {
  const [text, setText] = useState("");
  const [found, setFound] = useState<(LogMatches & { text: string }) | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);

  async function search(wanted: string, known: LogMatch[], after: number): Promise<void> {
    const query = new URLSearchParams({ text: wanted, after: String(after), limit: "100" });
    try {
      const page = await get<LogMatches>(`/runs/${run.name}/log-search/${task}?${query}`);
      setFound({ text: wanted, matches: [...known, ...page.matches], next: page.next });
      setRefusal(null);
    } catch (error) {
      setRefusal(error instanceof Refusal ? error : new Refusal(0, String(error)));
    }
  }

  return (
    <>
      <form
        class="filters"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          if (text) void search(text, [], 0);
          else setFound(null);
        }}
      >
        <label>
          Find in all of the log
          <input type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <button type="submit">Find</button>
      </form>
      <Problem refusal={refusal} />
      {found && (
        <section class="matches" aria-label="What was found">
          <p role="status">
            {found.matches.length}{found.next === null ? "" : " or more"} {found.matches.length === 1 ? "line has" : "lines have"} it
          </p>
          <ol>
            {found.matches.slice(-200).map((match) => (
              <li key={match.at}>
                <button type="button" onClick={() => onChoice(match.at)}>{of ? `${Math.floor((match.at / of) * 100)} %` : "0 %"}</button>{" "}
                <code>{match.text.slice(0, 300)}</code>
              </li>
            ))}
          </ol>
          {found.next !== null && (
            <button type="button" onClick={() => search(found.text, found.matches.slice(-100), found.next ?? 0)}>Search on</button>
          )}
        </section>
      )}
    </>
  );
}
