/** The inputs of a run, as its tasks have fetched or read them, with their checksums. */

import { useState } from "preact/hooks";
import { type FactsList, type InputFile, type RunDetail, type TaskFacts, taskName } from "./answers";
import { get } from "./api";
import { Problem, Table } from "./parts";
import { useAsked } from "./poll";
import { size } from "./words";

const TASKS = 100;
const SHOWN = 500;

type Entry = FactsList["tasks"][number];

export function Inputs({ run }: { run: RunDetail }) {
  const { data, refusal } = useAsked(`/runs/${run.name}/facts?limit=${TASKS}`, get<FactsList>);
  const tasks = data?.tasks.filter((task) => task.facts !== null && task.partition !== null);
  return (
    <section>
      <h2>Inputs</h2>
      <Problem refusal={refusal} />
      {tasks?.length === 0 && <p role="status">No inputs have been recorded yet.</p>}
      {data && data.total > TASKS && <p>The first {TASKS} of {data.total.toLocaleString("en")} tasks:</p>}
      {tasks?.map((task) => <TaskInputs run={run} task={task} isOpen={tasks.length === 1} key={task.name} />)}
    </section>
  );
}

function TaskInputs({ run, task, isOpen }: { run: RunDetail; task: Entry; isOpen: boolean }) {
  const [open, setOpen] = useState(isOpen);
  const path = `/runs/${run.name}/facts/${encodeURIComponent(task.stage)}/${task.partition}`;
  const { data, refusal } = useAsked(open ? path : null, get<TaskFacts>);
  const files = data && [...listed(data.fetched), ...listed(data.read)];
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{taskName(task)}</summary>
      <Problem refusal={refusal} />
      {files && (
        <Table caption={`Inputs of ${taskName(task)}`} head={["File", "Size", "Checksum", "From"]}>
          {files.slice(0, SHOWN).map((file, index) => (
            <tr key={index}>
              <td>{String(file.name)}</td>
              <td>{typeof file.size === "number" ? size(file.size) : ""}</td>
              <td><code class="hash">{String(file.checksum ?? "")}</code></td>
              <td>{String(file.url ?? file.source ?? "")}</td>
            </tr>
          ))}
        </Table>
      )}
      {files && files.length > SHOWN && <p>… and {files.length - SHOWN} more</p>}
    </details>
  );
}

/** A list that a task's commands could have written what they like into. */
function listed(files: unknown): InputFile[] {
  return Array.isArray(files) ? files.filter((file) => typeof file === "object" && file !== null) : [];
}
