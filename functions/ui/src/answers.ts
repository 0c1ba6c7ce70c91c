/** What the API answers with, as far as this page shows it; /openapi.json describes all of it. */

export type Phase = "Pending" | "Running" | "Succeeded" | "Failed" | "Error" | "Skipped" | "Omitted" | Reused;
/** Of a partition that has no task, since its result was taken from an earlier run. */
export type Reused = "Reused";
export type Counts = Partial<Record<Phase, number>>;

export interface Run {
  name: string;
  recipe_id: string;
  recipe_name: string;
  status: Phase;
  message: string | null;
  progress: string | null;
  submitted_by: string;
  submitted_at: string;
  started_at: string | null;
  finished_at: string | null;
  deleted_at: string | null;
  cancelled_at?: string | null;
  recipe_path: string | null;
  snapshot: string;
  output_type: string;
  partitions: number | null;
  input_files: number | null;
  input_bytes: number | null;
  task_counts: Counts;
  partition_counts: Counts;
  warning_count: number;
  /** What its result has become at a member node of DataONE. */
  package?: { identifier: string; series: string; url: string } | null;
  links: Record<string, string>;
}

export interface Task {
  name: string;
  stage: string;
  partition: number | null;
  phase: Phase;
  message: string | null;
  progress: string | null;
  exit_code: number | null;
  started_at: string | null;
  finished_at: string | null;
}

export interface Stage {
  stage: string;
  tasks: number;
  counts: Counts;
}

export interface RunDetail extends Run {
  stages: Stage[];
  tasks: Task[];
  warnings: { kind: string; message: string; partition: number | null }[];
  /** What it was given for its recipe's parameters, or took by default. */
  parameters: Record<string, unknown>;
  trigger: {
    name: string;
    upload: { bucket: string; key: string } | null;
    scheduled_for?: string | null;
  } | null;
}

export interface RunList {
  runs: Run[];
  next: string | null;
}

export interface PartitionList {
  total: number | null;
  partitions: { number: number; phase: Phase | null; message: string | null }[];
}

export interface Recipe {
  /** Without `publish`, in order; `after` names the stages that have to end before one begins. */
  stages?: { stage: string; after: string[] }[];
  commands: { stage: string; number: number; line: number; text: string }[];
  files: { path: string; size: number; sha256: string; redacted: boolean; text: string | null }[] | null;
}

export interface FactsList {
  total: number;
  tasks: { name: string; stage: string; partition: number | null; facts: object | null }[];
}

export interface InputFile {
  source?: string;
  url?: string;
  name: string;
  size: number | null;
  checksum: string | null;
}

/** What a task has left; its commands could write what they like into it. */
export interface TaskFacts {
  fetched?: InputFile[];
  read?: InputFile[];
}

export interface LogPart {
  begin: number;
  end: number;
  size: number;
  is_whole: boolean;
  text: string;
}

export interface LogMatch {
  at: number;
  text: string;
}

export interface LogMatches {
  matches: LogMatch[];
  next: number | null;
}

export interface OutputFile {
  path: string;
  size: number;
  type: string;
  url: string;
  thumbnail?: string | null;
}

export interface OutputList {
  files: OutputFile[];
  next: string | null;
}

export interface Me {
  name: string;
  role: "viewer" | "submitter" | "admin";
}

const TERMINAL: ReadonlySet<string> = new Set(["Succeeded", "Failed", "Error"]);

/** Whether a run has ended, after which nothing changes but by a retry or a removal. */
export function hasEnded(run: Run): boolean {
  return TERMINAL.has(run.status);
}

/** How a run stands: of one that ended because somebody stopped it, that. */
export function standing(run: Run): Phase | "Cancelled" {
  return run.cancelled_at ? "Cancelled" : run.status;
}

/** How many partitions need no task. */
export function reused(run: Run): number {
  return run.partition_counts.Reused ?? 0;
}

export const PROCESS = "process";
export const PUBLISH = "publish";
const ORDER = ["Failed", "Error", "Running", "Pending", "Succeeded"];

/** The name by which a task is requested, as the command line prints it: `process/0`, or `publish`. */
export function taskName(task: Pick<Task, "name" | "stage" | "partition">): string {
  return task.partition === null ? task.name : `${task.stage}/${task.partition}`;
}

/** Tasks by phase, with failed ones first, then by stage and partition. A stage's listing comes before its partitions. */
export function sorted(tasks: Task[], stages: Stage[]): Task[] {
  const rank = (task: Task) => (ORDER.indexOf(task.phase) + ORDER.length) % ORDER.length;
  const order = new Map(stages.map((each, index) => [each.stage, index]));
  const place = (task: Task) => order.get(task.stage) ?? (task.stage === PUBLISH ? order.size : -1);
  const number = (task: Task) => task.partition ?? -1;
  return [...tasks].sort(
    (one, other) => rank(one) - rank(other) || place(one) - place(other) || number(one) - number(other),
  );
}
