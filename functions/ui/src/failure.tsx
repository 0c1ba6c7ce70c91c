/** Why a run failed, before all else: the command, its exit code, and what it wrote. */

import { type RunDetail, standing } from "./answers";
import { getText } from "./api";
import { type FailedCommand, failedCommand, readLines } from "./log";
import { Link, Pre } from "./parts";
import { useAsked } from "./poll";

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
      <h2>{command ? `Command ${command.number} of ${command.of} failed with exit code ${command.exitCode}` : "It failed"}</h2>
      {command ? <Told command={command} /> : <Pre label="Message">{run.message ?? "Nothing says why."}</Pre>}
      <p><Link to={{ run: run.name, tab: "logs" }}>All of the log</Link></p>
    </section>
  );
}

function Told({ command }: { command: FailedCommand }) {
  const left = command.output.length - SHOWN;
  return (
    <>
      <Pre label="What it wrote">
        {left > 0 && `… ${left} lines before these\n`}
        {command.output.slice(-SHOWN).join("\n") || "No output."}
      </Pre>
      <p>Line {command.line} of the recipe's commands:</p>
      <Pre label="The command">{command.command}</Pre>
    </>
  );
}
