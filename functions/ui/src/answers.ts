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

const ORDER = ["Failed", "Error", "Running", "Pending", "Succeeded"];

/** Tasks as they matter: those that failed come first. */
export function sorted(tasks: Task[]): Task[] {
  const rank = (task: Task) => (ORDER.indexOf(task.phase) + ORDER.length) % ORDER.length;
  return [...tasks].sort((one, other) => rank(one) - rank(other));
}
