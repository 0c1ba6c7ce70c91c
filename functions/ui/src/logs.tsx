/** The log of a run: the last lines of all tasks, which are updated while it runs, or the log of one task. */

import { useEffect, useRef, useState } from "preact/hooks";
import { type RunDetail, hasEnded, sorted, taskName } from "./answers";
import { Refusal, getText, save } from "./api";
import { type Line, readLines, shown } from "./log";
import { Problem } from "./parts";
import { type Place, goTo } from "./place";
import { TaskLog } from "./tasklog";
import { count } from "./words";

const LINES = 1_000;
const PAUSE = 3_000;

/** Tasks that can be chosen here; the links of the table of tasks lead to each. */
const OFFERED = 200;

export function Logs({ run, place }: { run: RunDetail; place: Place }) {
  const task = place.task ?? "";
  return (
    <section>
      <h2>Log</h2>
      <div class="filters"><Choice run={run} task={task} /></div>
      {task ? <TaskLog key={task} run={run} task={task} /> : <AllLogs run={run} />}
    </section>
  );
}

function Choice({ run, task }: { run: RunDetail; task: string }) {
  const names = sorted(run.tasks, run.stages).slice(0, OFFERED).map(taskName);
  if (task && !names.includes(task)) names.unshift(task);
  return (
    <label>
      Task
      <select value={task} onChange={(event) => goTo({ run: run.name, tab: "logs", task: event.currentTarget.value })}>
        <option value="">all tasks</option>
        {names.map((name) => <option key={name} value={name}>{name}</option>)}
      </select>
    </label>
  );
}

function AllLogs({ run }: { run: RunDetail }) {
  const [isPaused, setPaused] = useState(false);
  const [search, setSearch] = useState("");
  const { lines, refusal } = useLog(run, isPaused);
  const found = lines?.filter((line) => shown(line).toLowerCase().includes(search.toLowerCase()));
  return (
    <>
      <div class="filters">
        <label>
          Find in these lines
          <input type="search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
        </label>
        {!hasEnded(run) && (
          <button type="button" aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>
            {isPaused ? "Follow" : "Pause"}
          </button>
        )}
        <button type="button" onClick={() => save(`/runs/${run.name}/logs`, `${run.name}.log`)}>Download all</button>
      </div>
      <Problem refusal={refusal} />
      {found && <Lines lines={found} follows={!isPaused && search === ""} />}
    </>
  );
}

function Lines({ lines, follows }: { lines: Line[]; follows: boolean }) {
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (follows && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.length, follows]);
  const several = new Set(lines.map((line) => line.pod)).size > 1;
  return (
    <>
      <p role="status">{lines.length >= LINES ? `The last ${LINES} lines` : count(lines.length, "line")}</p>
      <pre class="log" ref={box} tabIndex={0} role="region" aria-label="Log">
        {lines.map((line, index) => (
          <span key={index} class={line.event ? "event" : ""}>
            {several && `[${line.pod}] `}
            {shown(line)}
            {"\n"}
          </span>
        ))}
      </pre>
    </>
  );
}

function useLog(run: RunDetail, isPaused: boolean): { lines: Line[] | null; refusal: Refusal | null } {
  const [lines, setLines] = useState<Line[] | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const ended = hasEnded(run);
  useEffect(() => {
    let left = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    async function read(): Promise<void> {
      if (!document.hidden) {
        try {
          const text = await getText(`/runs/${run.name}/logs?tail=${LINES}`);
          if (left) return;
          setLines(readLines(text));
          setRefusal(null);
        } catch (error) {
          if (left) return;
          setRefusal(error instanceof Refusal ? error : new Refusal(0, String(error)));
        }
      }
      if (!ended && !left) timer = setTimeout(read, PAUSE);
    }
    if (!isPaused) void read();
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [run.name, ended, isPaused]);
  return { lines, refusal };
}
