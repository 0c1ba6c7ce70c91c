/** Cancelling, retrying and removing a run; the API decides who may. */

import { useState } from "preact/hooks";
import { type Me, type RunDetail, hasEnded } from "./answers";
import { Refusal, change } from "./api";
import { Problem } from "./parts";

interface Action {
  title: string;
  /** What it means, asked before it is done. */
  question: string;
  method: "POST" | "DELETE";
  path: string;
}

function actionsOf(run: RunDetail): Action[] {
  const own = `/runs/${run.name}`;
  if (!hasEnded(run))
    return [{ title: "Cancel", question: "Stop this run?", method: "POST", path: `${own}/cancel` }];
  if (run.deleted_at) return [];
  const retry: Action = {
    title: "Retry",
    question: "Run the failed tasks again?",
    method: "POST",
    path: `${own}/retry`,
  };
  const remove: Action = {
    title: "Remove",
    question: "Remove the logs and artifacts of this run for good?",
    method: "DELETE",
    path: own,
  };
  return run.status === "Succeeded" ? [remove] : [retry, remove];
}

/** @param props.me Who asks; undefined: that is being asked; null: it could not be. */
export function Actions(props: { run: RunDetail; me: Me | null | undefined; onChange: () => void }) {
  const [asked, setAsked] = useState<Action | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  if (props.me === undefined || props.me?.role === "viewer") return null;

  async function carryOut(action: Action): Promise<void> {
    setAsked(null);
    try {
      await change(action.method, action.path);
      setRefusal(null);
    } catch (error) {
      setRefusal(error instanceof Refusal ? error : new Refusal(0, String(error)));
    }
    props.onChange();
  }

  return (
    <div class="actions">
      {asked ? (
        <p role="alertdialog" aria-label={asked.question}>
          {asked.question} <button type="button" onClick={() => carryOut(asked)}>{asked.title}</button>{" "}
          <button type="button" onClick={() => setAsked(null)}>Back</button>
        </p>
      ) : (
        actionsOf(props.run).map((action) => (
          <button type="button" key={action.title} onClick={() => setAsked(action)}>{action.title}</button>
        ))
      )}
      <Problem refusal={refusal} />
    </div>
  );
}
