/** The phase of each partition of each stage, as the graph draws them. */

import { useEffect, useRef, useState } from "preact/hooks";
import {
  type Counts,
  type PartitionList,
  type Phase,
  type Recipe,
  type RunDetail,
  type Stage,
  type Task,
  PROCESS,
  PUBLISH,
  reused,
} from "./answers";
import { get } from "./api";
import { useAsked } from "./poll";

export interface StageCells {
  stage: string;
  /** The stages that have to end before it begins, of those that are drawn. */
  after: string[];
  counts: Counts;
  /** By partition; null: its task has not begun. */
  cells: (Phase | null)[];
}

const PAGE = 1_000;
const PAUSE = 5_000;

/** All stages of a run that are known so far, each after those it depends on. */
export function useCells(run: RunDetail): StageCells[] {
  const partitions = usePartitions(run);
  const later = run.stages.filter((stage) => stage.stage !== PROCESS);
  const isAsked = later.length > 1 && !run.deleted_at;
  const { data: recipe } = useAsked(isAsked ? `/runs/${run.name}/recipe` : null, get<Recipe>);
  const process = run.stages.find((stage) => stage.stage === PROCESS);
  const counts = { ...(reused(run) > 0 && { Reused: reused(run) }), ...(process?.counts ?? run.partition_counts) };
  const found: Omit<StageCells, "after">[] = [
    ...before(run),
    { stage: PROCESS, counts, cells: partitions },
    ...later.map((stage) => laterStage(run, stage)),
  ];
  const after = new Map(recipe?.stages?.map((each) => [each.stage, each.after]));
  const names = found.map((each) => each.stage);
  const stages = found.map((each, index) => {
    const known = after.get(each.stage)?.filter((name) => names.includes(name)) ?? [];
    return { ...each, after: known.length > 0 ? known : names.slice(Math.max(0, index - 1), index) };
  });
  const last = names.filter((name) => !stages.some((each) => each.after.includes(name)));
  return [...stages, { ...publishing(run), after: last }];
}

function tasksOf(run: RunDetail, stage: string): Task[] {
  return run.tasks.filter((task) => task.stage === stage && task.partition !== null);
}

function placed(tasks: Task[], number: number): (Phase | null)[] {
  const cells: (Phase | null)[] = new Array<Phase | null>(number).fill(null);
  for (const task of tasks) if (task.partition !== null && task.partition < number) cells[task.partition] = task.phase;
  return cells;
}

function laterStage(run: RunDetail, stage: Stage): Omit<StageCells, "after"> {
  const counts = Object.values(stage.counts).reduce((sum, each) => sum + each, 0);
  const number = Math.max(stage.tasks, counts);
  const tasks = tasksOf(run, stage.stage);
  const cells = tasks.length === counts ? placed(tasks, number) : spread(stage.counts, number);
  return { stage: stage.stage, counts: stage.counts, cells };
}

/** Cells in the order of their phases, where it is not known which is which. */
function spread(counts: Counts, number: number): (Phase | null)[] {
  const known = Object.entries(counts).flatMap(([phase, each]) => new Array<Phase>(each).fill(phase as Phase));
  return [...known, ...new Array<null>(Math.max(0, number - known.length)).fill(null)];
}

/** What divides the inputs, and what takes results of earlier runs. */
function before(run: RunDetail): Omit<StageCells, "after">[] {
  const found = ["list", "reuse"].map((name) => run.tasks.find((task) => task.partition === null && task.name === name));
  return found.flatMap((task) => (task ? [{ stage: task.name, counts: { [task.phase]: 1 }, cells: [task.phase] }] : []));
}

function publishing(run: RunDetail): Omit<StageCells, "after"> {
  const found = run.tasks.find((task) => task.stage === PUBLISH);
  return { stage: PUBLISH, counts: found ? { [found.phase]: 1 } : {}, cells: [found?.phase ?? null] };
}

/** Phases of the first stage's partitions: of a few from the run itself; of many, and of those without a task, from their own list. */
function usePartitions(run: RunDetail): (Phase | null)[] {
  const number = run.partitions ?? 0;
  const areListed = number > PAGE || reused(run) > 0;
  const [found, setFound] = useState<(Phase | null)[]>([]);
  const askedAt = useRef(0);
  const counts = JSON.stringify(run.partition_counts);
  useEffect(() => {
    if (!areListed) return;
    let left = false;
    const wait = Math.max(0, askedAt.current + PAUSE - Date.now());
    const timer = setTimeout(async () => {
      askedAt.current = Date.now();
      const cells = await allPartitions(run.name, number).catch(() => null);
      if (cells && !left) setFound(cells);
    }, wait);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [run.name, number, areListed, counts]);
  if (!areListed) return placed(tasksOf(run, PROCESS), number);
  return found.length === number ? found : spread(run.partition_counts, number);
}

async function allPartitions(name: string, number: number): Promise<(Phase | null)[]> {
  const offsets = Array.from({ length: Math.ceil(number / PAGE) }, (_, page) => page * PAGE);
  const pages = await Promise.all(
    offsets.map((offset) => get<PartitionList>(`/runs/${name}/partitions?limit=${PAGE}&offset=${offset}`)),
  );
  return pages.flatMap((page) => page.partitions.map((each) => each.phase));
}
