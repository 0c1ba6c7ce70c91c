/** The tasks of a run as a table, with a bar that shows when each ran. Failed tasks come first. */

import { type PartitionList, type RunDetail, type Task, reused, sorted, taskName } from "./answers";
import { Link, PhaseBadge, Problem, Table } from "./parts";
import { Refusal, get } from "./api";
import type { Place } from "./place";
import { useAsked } from "./poll";
import { count, duration, time } from "./words";

const SHOWN = 100;
const BAR = 160;

export function Tasks({ run, place }: { run: RunDetail; place: Place }) {
  const chosen = place.partition === undefined ? null : Number(place.partition);
  const found = run.tasks.filter((task) => matches(task, place));
  const isElsewhere = chosen !== null && found.length === 0 && run.tasks.length >= 1_000;
  const far = useAsked(isElsewhere ? `/runs/${run.name}?task_limit=5&task_offset=${chosen}` : null, get<RunDetail>);
  const tasks = isElsewhere ? (far.data?.tasks.filter((task) => matches(task, place)) ?? []) : sorted(found, run.stages);
  const left = tasks.length - SHOWN;
  return (
    <section>
      <h2>Tasks</h2>
      {chosen !== null && (
        <p>Partition {chosen} of stage {place.stage}. <Link to={{ run: run.name }}>Show all tasks</Link></p>
      )}
      <Taken run={run} place={place} isEmpty={tasks.length === 0} />
      <Problem refusal={far.refusal instanceof Refusal ? far.refusal : null} />
      {tasks.length > 0 && (
        <Table caption="Tasks by stage, failed tasks first" head={["Task", "Phase", "Started", "Took", "When", "Message"]}>
          {tasks.slice(0, SHOWN).map((task) => <Row key={task.name} task={task} run={run} />)}
        </Table>
      )}
      {left > 0 && <p>{count(left, "more task is", "more tasks are")} not listed. Select a partition above to see its task.</p>}
    </section>
  );
}

/** How many partitions were reused from earlier runs, or which run the chosen one was reused from. */
function Taken({ run, place, isEmpty }: { run: RunDetail; place: Place; isEmpty: boolean }) {
  const takes = run.tasks.some((task) => task.name === "reuse" && task.partition === null);
  const isOne = place.partition !== undefined && place.stage === "process";
  const path = takes && isOne ? `/runs/${run.name}/partitions?limit=1&offset=${place.partition}` : null;
  const { data, refusal } = useAsked(path, get<PartitionList>);
  const [, what, from] = data?.partitions[0]?.message?.match(/^(.*reused from run )([a-z0-9-]+)$/) ?? [];
  if (from) return <p>This partition: {what}<Link to={{ run: from }}>{from}</Link></p>;
  if (isEmpty && (path === null || data || refusal)) return <p role="status">No task has started yet.</p>;
  if (isOne || reused(run) === 0) return null;
  return <p>{count(reused(run), "partition has", "partitions have")} no task because the result of an earlier run was reused.</p>;
}

function matches(task: Task, place: Place): boolean {
  if (place.partition === undefined) return true;
  if (task.stage !== place.stage) return false;
  return task.partition === null || task.partition === Number(place.partition);
}

function Row({ task, run }: { task: Task; run: RunDetail }) {
  return (
    <tr>
      <td><Link to={{ run: run.name, tab: "logs", task: taskName(task) }}>{taskName(task)}</Link></td>
      <td><PhaseBadge phase={task.phase} /></td>
      <td>{time(task.started_at)}</td>
      <td>{duration(task.started_at, task.finished_at)}</td>
      <td><Bar task={task} run={run} /></td>
      <td class="long">{task.message}</td>
    </tr>
  );
}

/** When a task ran, within the run's time; the columns beside it say the same. */
function Bar({ task, run }: { task: Task; run: RunDetail }) {
  const begin = Date.parse(run.started_at ?? run.submitted_at);
  const end = run.finished_at ? Date.parse(run.finished_at) : Date.now();
  if (!task.started_at || end <= begin) return null;
  const scale = BAR / (end - begin);
  const left = Math.min(BAR - 2, Math.max(0, (Date.parse(task.started_at) - begin) * scale));
  const until = task.finished_at ? Date.parse(task.finished_at) : end;
  const width = Math.min(BAR - left, Math.max(2, (until - Date.parse(task.started_at)) * scale));
  return (
    <svg class="bar" width={BAR} height={12} aria-hidden="true">
      <rect class="track" width={BAR} height={12} />
      <rect class={task.phase} x={left} width={width} height={12} />
    </svg>
  );
}
