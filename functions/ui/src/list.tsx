/** The list of runs, newest first; its filters stand in the address. */

import { type Run, type RunList, hasEnded, standing } from "./answers";
import { Link, PhaseBadge, PhaseCounts, Problem, Table } from "./parts";
import { type Place, goTo } from "./place";
import { PAUSE, usePoll } from "./poll";
import { duration, time } from "./words";

const STATUSES = ["Pending", "Running", "Succeeded", "Failed", "Error"];
const FILTERS: [name: string, label: string][] = [
  ["recipe_id", "Recipe"],
  ["submitted_by", "Submitted by"],
  ["name_prefix", "Name begins with"],
];
/** Where all that is shown has ended; only new runs can change it. */
const MAX_PAUSE = 15_000;

export function RunsPage({ place }: { place: Place }) {
  const query = new URLSearchParams(place);
  const { data, refusal } = usePoll<RunList>(`/runs?${query}`, () => false, ({ runs }) => (runs.every(hasEnded) ? MAX_PAUSE : PAUSE));
  return (
    <main>
      <h1>Runs</h1>
      <Filters place={place} />
      <Problem refusal={refusal} />
      {data && <Runs list={data} place={place} />}
      {!data && !refusal && <p role="status">Loading…</p>}
    </main>
  );
}

function Filters({ place }: { place: Place }) {
  const apply = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = [...new FormData(event.currentTarget as HTMLFormElement)];
    goTo(Object.fromEntries(fields.map(([name, value]) => [name, String(value).trim()])));
  };
  return (
    <form class="filters" role="search" onSubmit={apply} key={JSON.stringify(place)}>
      <label>
        Status
        <select name="status" onChange={(event) => event.currentTarget.form?.requestSubmit()}>
          <option value="">any</option>
          {STATUSES.map((status) => (
            <option key={status} selected={place.status === status}>{status}</option>
          ))}
        </select>
      </label>
      {FILTERS.map(([name, label]) => (
        <label key={name}>
          {label}
          <input name={name} defaultValue={place[name] ?? ""} />
        </label>
      ))}
      <button type="submit">Filter</button>
    </form>
  );
}

function Runs({ list, place }: { list: RunList; place: Place }) {
  if (list.runs.length === 0) return <p role="status">No runs.</p>;
  const head = ["Status", "Run", "Recipe", "By", "Submitted (UTC)", "Took", "Partitions", "Warnings"];
  return (
    <>
      <Table caption="Runs, newest first" head={head}>
        {list.runs.map((run) => <Row run={run} key={run.name} />)}
      </Table>
      {(place.before || list.next) && (
        <nav aria-label="Pages" class="pages">
          {place.before && <Link to={{ ...place, before: "" }}>Newest</Link>}
          {list.next && <Link to={{ ...place, before: list.next }}>Older</Link>}
        </nav>
      )}
    </>
  );
}

function Row({ run }: { run: Run }) {
  return (
    <tr>
      <td><PhaseBadge phase={standing(run)} /></td>
      <td class="name"><Link to={{ run: run.name }}>{run.name}</Link></td>
      <td class="name">{run.recipe_name}</td>
      <td class="name">{run.submitted_by}</td>
      <td>{time(run.submitted_at).replace(" UTC", "")}</td>
      <td>{duration(run.started_at, run.finished_at)}</td>
      <td class="name phases"><Partitions run={run} /></td>
      <td>{run.warning_count || ""}</td>
    </tr>
  );
}

function Partitions({ run }: { run: Run }) {
  if (run.partitions === null) return <>not listed yet</>;
  if (run.partitions === 1) return <>1</>;
  return <>{run.partitions.toLocaleString("en")}: <PhaseCounts counts={run.partition_counts} /></>;
}
