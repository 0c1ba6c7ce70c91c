/** One run: what failed, its stages, its tasks, and what belongs to it in tabs. */

import type { ComponentChildren } from "preact";
import { type Me, type RunDetail, hasEnded, standing } from "./answers";
import { Actions } from "./actions";
import { apiAddress } from "./api";
import { Failure } from "./failure";
import { Graph } from "./graph";
import { Inputs } from "./inputs";
import { Logs } from "./logs";
import { Outputs } from "./outputs";
import { Command, Link, PhaseBadge, Pre, Problem, Table } from "./parts";
import type { Place } from "./place";
import { useClock, usePoll } from "./poll";
import { RecipeView } from "./recipe";
import { Tasks } from "./tasks";
import { count, duration, size, time } from "./words";

const TABS = { "": "Overview", logs: "Logs", recipe: "Recipe", inputs: "Inputs", outputs: "Outputs" };

export function RunPage({ name, place, me }: { name: string; place: Place; me: Me | null | undefined }) {
  const path = `/runs/${encodeURIComponent(name)}`;
  const { data: run, refusal, again } = usePoll<RunDetail>(path, hasEnded);
  return (
    <main>
      <p><Link to={{}}>All runs</Link></p>
      <h1>{run?.recipe_name ?? name}</h1>
      <Problem refusal={refusal} />
      {!run && !refusal && <p role="status">Loading…</p>}
      {run && (
        <>
          <Summary run={run} />
          <Actions run={run} me={me} onChange={again} />
          <Tabs name={name} tab={place.tab ?? ""} />
          <Tab run={run} place={place} />
        </>
      )}
    </main>
  );
}

function Summary({ run }: { run: RunDetail }) {
  useClock(!hasEnded(run));
  const facts: [string, ComponentChildren][] = [
    ["Run", run.name],
    ["Submitted", `${time(run.submitted_at)} by ${run.submitted_by}`],
    ["Started", time(run.started_at)],
    ["Took", duration(run.started_at, run.finished_at)],
    ["Inputs", inputs(run)],
    ["Output", run.output_type],
    ["Data set", run.package && <a href={run.package.url}>{run.package.identifier}</a>],
    ["Series (newest version)", run.package && <code>{run.package.series}</code>],
    ["Started by", origin(run)],
    ["Removed", time(run.deleted_at)],
  ];
  return (
    <>
      <p class="status" role="status">
        <PhaseBadge phase={standing(run)} />
        {run.status === "Running" && run.progress && ` (${run.progress} tasks done)`}
      </p>
      <dl class="facts">
        {facts.map(([term, value]) => value && (
          <div key={term}><dt>{term}</dt><dd>{value}</dd></div>
        ))}
      </dl>
    </>
  );
}

function origin(run: RunDetail): string {
  if (!run.trigger) return "";
  const { name, upload, scheduled_for } = run.trigger;
  if (upload) return `upload ${upload.bucket}/${upload.key} (trigger ${name})`;
  return `trigger ${name}, for ${time(scheduled_for ?? null)}`;
}

function inputs(run: RunDetail): string {
  if (run.input_files === null) return "";
  const bytes = run.input_bytes === null ? "" : `, ${size(run.input_bytes)}`;
  return `${count(run.input_files, "file")}${bytes}`;
}

function Tabs({ name, tab }: { name: string; tab: string }) {
  return (
    <nav class="tabs" aria-label="Parts of this run">
      {Object.entries(TABS).map(([key, title]) => (
        <Link key={key} to={{ run: name, tab: key }} current={key === tab}>{title}</Link>
      ))}
    </nav>
  );
}

function Tab({ run, place }: { run: RunDetail; place: Place }) {
  switch (place.tab) {
    case "logs":
      return <Logs run={run} place={place} />;
    case "recipe":
      return <RecipeView run={run} />;
    case "inputs":
      return <Inputs run={run} />;
    case "outputs":
      return <Outputs run={run} place={place} />;
    default:
      return <Overview run={run} place={place} />;
  }
}

function Overview({ run, place }: { run: RunDetail; place: Place }) {
  return (
    <>
      <Failure run={run} />
      <Warnings run={run} />
      <Parameters run={run} />
      <Graph run={run} place={place} />
      <Tasks run={run} place={place} />
      <Commands run={run} />
    </>
  );
}

function Parameters({ run }: { run: RunDetail }) {
  const given = Object.entries(run.parameters);
  if (given.length === 0) return null;
  return (
    <Table caption="Parameters of this run" head={["Parameter", "Value"]}>
      {given.map(([name, value]) => (
        <tr key={name}>
          <td>{name}</td>
          <td class="long"><code>{typeof value === "string" ? value : JSON.stringify(value)}</code></td>
        </tr>
      ))}
    </Table>
  );
}

function Warnings({ run }: { run: RunDetail }) {
  if (run.warning_count === 0) return null;
  const more = run.warning_count - run.warnings.length;
  const inMessage = run.warnings.length === 0 ? run.message?.split("\nBefore that, ")[1] : undefined;
  return (
    <section class="warnings">
      <h2>{count(run.warning_count, "warning")}</h2>
      <ul>
        {run.warnings.map((each, index) => (
          <li key={index}>
            <strong>{each.kind}</strong> {each.message}
            {each.partition !== null && ` (partition ${each.partition})`}
          </li>
        ))}
      </ul>
      {inMessage && <Pre label="Warnings before the failure">{inMessage}</Pre>}
      {more > 0 && !inMessage && <p>{count(more, "more warning is", "more warnings are")} in the logs.</p>}
    </section>
  );
}

function Commands({ run }: { run: RunDetail }) {
  const words = hasEnded(run) ? ["status"] : ["watch", "cancel"];
  if (hasEnded(run) && run.links.logs) words.push("logs");
  if (run.links.output) words.push("get-output");
  if (run.links.provenance) words.push("provenance", "reproduce");
  return (
    <section>
      <h2>On the command line</h2>
      <Command text={`export OGDC_API_URL=${apiAddress()}`} />
      {words.map((word) => <Command key={word} text={`ogdc-runner ${word} ${run.name}`} />)}
    </section>
  );
}
