/** Why a run failed: the command, its exit code and its output. */

import { type RunDetail, standing } from "./answers";
import { getText } from "./api";
import { type FailedCommand, failedCommand, readLines } from "./log";
import { Link, Pre } from "./parts";
import { useAsked } from "./poll";
import { count } from "./words";

const LINES = 2_000;
const SHOWN = 40;

export function Failure({ run }: { run: RunDetail }) {
  const failed = ["Failed", "Error"].includes(standing(run));
  const path = failed && !run.deleted_at ? `/runs/${run.name}/logs?tail=${LINES}` : null;
  const { data } = useAsked(path, getText);
  if (!failed) return run.message ? <p class="message">{run.message}</p> : null;
  const command = data === null ? null : failedCommand(readLines(data));
  return (
    <section class="failure" aria-label="Why it failed">
      <h2>{command ? `Command ${command.number} of ${command.of} failed with exit code ${command.exitCode}` : "The run failed"}</h2>
      {command ? <Details command={command} /> : <Pre label="Message">{run.message ?? "No reason was recorded."}</Pre>}
      <p><Link to={{ run: run.name, tab: "logs" }}>Full log</Link></p>
    </section>
  );
}

function Details({ command }: { command: FailedCommand }) {
  const left = command.output.length - SHOWN;
  return (
    <>
      <Pre label="Output of the command">
        {left > 0 && `… ${count(left, "earlier line")}\n`}
        {command.output.slice(-SHOWN).join("\n") || "No output."}
      </Pre>
      <p>The command, on line {command.line} of its file:</p>
      <Pre label="The command">{command.command}</Pre>
    </>
  );
}
