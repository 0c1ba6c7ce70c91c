/** The run's graph: its stages from left to right, or from top to bottom on a phone, each with all its partitions. */

import { useEffect, useState } from "preact/hooks";
import type { Phase, RunDetail } from "./answers";
import { PhaseCounts, SIGNS } from "./parts";
import { type Place, goTo } from "./place";
import { count } from "./words";
import { type StageCells, useCells } from "./cells";

/** Up to so many partitions are boxes with their numbers; more are cells. */
const FEW = 30;
const PAD = 12;
const TITLE = 40;
/** Between a stage and those that depend on it. */
const GAP = 48;
/** Between stages that run side by side. */
const BESIDE = 16;
const BOX = { width: 44, height: 26 };
const COLUMNS = { wide: 5, narrow: 3 };
const NARROW = matchMedia("(max-width: 600px)");
/** What the cells of a stage may take on a phone. */
const NARROW_WIDTH = 300;
const PHASES: (Phase | "None")[] = ["None", "Pending", "Running", "Succeeded", "Reused", "Failed", "Error"];
const MEANING: Record<string, string> = { None: "Not started", Reused: "Reused from an earlier run" };

interface Sized extends StageCells {
  width: number;
  height: number;
  columns: number;
  cell: { width: number; height: number };
}

interface Drawn extends Sized {
  /** How many stages have to end one after the other before it begins. */
  level: number;
  x: number;
  y: number;
}

export function Graph({ run, place }: { run: RunDetail; place: Place }) {
  const isNarrow = useNarrow();
  const stages = laidOut(useCells(run), isNarrow);
  const width = Math.max(...stages.map((stage) => stage.x + stage.width)) + 1;
  const height = Math.max(...stages.map((stage) => stage.y + stage.height)) + 1;
  return (
    <section>
      <h2>Stages</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Stages and partitions">
        <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={inWords(stages)}>
          {stages.map((stage) => (
            <g key={stage.stage}>
              {dependencies(stage, stages).map((from) => (
                <Arrow key={from.stage} from={from} to={stage} isDown={isNarrow} />
              ))}
              <StageBox stage={stage} run={run} place={place} />
            </g>
          ))}
        </svg>
      </div>
      <Legend stages={stages} />
      <ul class="counts">
        {stages.map((stage) => (
          <li key={stage.stage}>
            <strong>{stage.stage}</strong>: {count(stage.cells.length, "task")}{" "}
            <PhaseCounts counts={stage.counts} before="– " />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Whether the window is as narrow as a phone's. */
function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(NARROW.matches);
  useEffect(() => {
    const look = () => setNarrow(NARROW.matches);
    NARROW.addEventListener("change", look);
    return () => NARROW.removeEventListener("change", look);
  }, []);
  return isNarrow;
}

/** Place the stages by level: from left to right, or from top to bottom if the window is narrow. */
function laidOut(stages: StageCells[], isNarrow: boolean): Drawn[] {
  const levels: Sized[][] = [];
  const levelOf = new Map<string, number>();
  for (const stage of stages) {
    const level = Math.max(-1, ...stage.after.map((name) => levelOf.get(name) ?? -1)) + 1;
    levelOf.set(stage.stage, level);
    (levels[level] ??= []).push(sized(stage, isNarrow));
  }
  const across = (stage: Sized) => (isNarrow ? stage.width : stage.height);
  const along = (stage: Sized) => (isNarrow ? stage.height : stage.width);
  const extents = levels.map((level) => level.reduce((sum, stage) => sum + across(stage) + BESIDE, -BESIDE));
  const most = Math.max(...extents);
  let begin = 1;
  return levels.flatMap((level, number) => {
    let side = 1 + (most - (extents[number] ?? 0)) / 2;
    const drawn = level.map((stage) => {
      const [x, y] = isNarrow ? [side, begin] : [begin, side];
      side += across(stage) + BESIDE;
      return { ...stage, level: number, x, y };
    });
    begin += Math.max(...level.map(along)) + GAP;
    return drawn;
  });
}

function sized(stage: StageCells, isNarrow: boolean): Sized {
  const number = Math.max(1, stage.cells.length);
  const few = number <= FEW;
  const side = number > 1_000 ? 6 : 11;
  const cell = few ? BOX : { width: side, height: side };
  const wanted = few ? Math.min(number, isNarrow ? COLUMNS.narrow : COLUMNS.wide) : Math.ceil(Math.sqrt(number * 2));
  const columns = isNarrow ? Math.min(wanted, Math.floor(NARROW_WIDTH / cell.width)) : wanted;
  const width = Math.max(columns * cell.width, 110) + 2 * PAD;
  const height = Math.ceil(number / columns) * cell.height + TITLE + PAD;
  return { ...stage, width, height, columns, cell };
}

/** The stages of the level before, which an arrow leads from; what these depend on needs no arrow of its own. */
function dependencies(stage: Drawn, stages: Drawn[]): Drawn[] {
  return stages.filter((each) => each.level === stage.level - 1 && stage.after.includes(each.stage));
}

function inWords(stages: Drawn[]): string {
  const levels: string[][] = [];
  for (const stage of stages)
    (levels[stage.level] ??= []).push(`${stage.stage}: ${count(stage.cells.length, "task")}${counted(stage)}`);
  return levels.map((level) => level.join(", alongside ")).join(", then ");
}

function counted(stage: Drawn): string {
  const found = Object.entries(stage.counts).filter(([, number]) => number > 0);
  return found.length > 0 ? ` (${found.map(([phase, number]) => `${number} ${phase}`).join(", ")})` : "";
}

/** What the shapes and signs of the cells mean, for those that are shown. */
function Legend({ stages }: { stages: Drawn[] }) {
  const cells = stages.filter((stage) => stage.cells.length > FEW).flatMap((stage) => stage.cells);
  const boxes = stages.filter((stage) => stage.cells.length <= FEW).flatMap((stage) => stage.cells);
  const inCells = new Set(cells.map((phase) => phase ?? "None"));
  const inBoxes = new Set(boxes.map((phase) => phase ?? "None"));
  return (
    <ul class="signs" aria-label="What the signs mean">
      {PHASES.filter((phase) => inCells.has(phase) || (inBoxes.has(phase) && SIGNS[phase])).map((phase) => (
        <li key={phase}>
          {inCells.has(phase) && (
            <svg width={13} height={13} aria-hidden="true"><path class={phase} d={shape(phase, 1, 1, 11)} /></svg>
          )}
          {inBoxes.has(phase) && <span aria-hidden="true">{SIGNS[phase]}</span>} {MEANING[phase] ?? phase}
        </li>
      ))}
    </ul>
  );
}

function Arrow({ from, to, isDown }: { from: Drawn; to: Drawn; isDown: boolean }) {
  if (isDown) {
    const [x, end] = [to.x + to.width / 2, to.y - 4];
    const [begin, middle] = [from.y + from.height + 4, to.y - GAP / 2];
    return <path class="arrow" d={`M${from.x + from.width / 2} ${begin}V${middle}H${x}V${end}m-5-7l5 7l5-7`} />;
  }
  const [y, end] = [to.y + to.height / 2, to.x - 4];
  const [begin, middle] = [from.x + from.width + 4, to.x - GAP / 2];
  return <path class="arrow" d={`M${begin} ${from.y + from.height / 2}H${middle}V${y}H${end}m-7-5l7 5l-7 5`} />;
}

function StageBox({ stage, run, place }: { stage: Drawn; run: RunDetail; place: Place }) {
  const { y } = stage;
  const choose = (event: MouseEvent) => {
    const svg = (event.currentTarget as SVGElement).ownerSVGElement;
    if (!svg) return;
    const { left, top } = svg.getBoundingClientRect();
    const column = Math.floor((event.clientX - left - stage.x - PAD) / stage.cell.width);
    const row = Math.floor((event.clientY - top - y - TITLE) / stage.cell.height);
    const partition = row * stage.columns + column;
    if (column < 0 || row < 0 || column >= stage.columns || partition >= stage.cells.length) return;
    goTo({ ...place, run: run.name, stage: stage.stage, partition: String(partition) });
  };
  return (
    <g onClick={choose}>
      <rect class="stage" x={stage.x} y={y + 1} width={stage.width} height={stage.height - 2} rx={6} />
      <text class="title" x={stage.x + PAD} y={y + 25}>{stage.stage}</text>
      <g transform={`translate(${stage.x + PAD} ${y + TITLE})`}>
        {stage.cells.length <= FEW ? <Boxes stage={stage} /> : <Cells stage={stage} />}
      </g>
    </g>
  );
}

function Boxes({ stage }: { stage: Drawn }) {
  return (
    <>
      {stage.cells.map((phase, index) => {
        const x = (index % stage.columns) * BOX.width;
        const y = Math.floor(index / stage.columns) * BOX.height;
        return (
          <g key={index} class={`cell ${phase ?? "None"}`} transform={`translate(${x} ${y})`}>
            <title>{`partition ${index}: ${MEANING[phase ?? "None"] ?? phase}`}</title>
            <rect width={BOX.width - 4} height={BOX.height - 4} rx={3} />
            <text x={(BOX.width - 4) / 2} y={15}>{`${index} ${SIGNS[phase ?? ""] ?? ""}`}</text>
          </g>
        );
      })}
    </>
  );
}

/** One path for all cells of a phase: thousands of partitions are a handful of elements. */
function Cells({ stage }: { stage: Drawn }) {
  return (
    <>
      {PHASES.map((phase) => (
        <path key={phase} class={`cell ${phase}`} d={shapes(stage, phase)}>
          <title>{MEANING[phase] ?? phase}</title>
        </path>
      ))}
    </>
  );
}

function shapes(stage: Drawn, phase: string): string {
  const side = stage.cell.width - (stage.cell.width > 8 ? 2 : 1);
  const drawn: string[] = [];
  stage.cells.forEach((found, index) => {
    if ((found ?? "None") !== phase) return;
    const x = (index % stage.columns) * stage.cell.width;
    const y = Math.floor(index / stage.columns) * stage.cell.height;
    drawn.push(shape(phase, x, y, side));
  });
  return drawn.join("");
}

/** Form tells phases apart where colour does not. */
function shape(phase: string, x: number, y: number, side: number): string {
  const half = side / 2;
  if (phase === "Failed" || phase === "Error") return `M${x + half} ${y}l${half} ${half}l${-half} ${half}l${-half} ${-half}z`;
  if (phase === "Running") return `M${x} ${y}l${side} ${half}l${-side} ${half}z`;
  if (phase === "Succeeded") return `M${x} ${y}h${side}v${side}h${-side}z`;
  if (phase === "Reused") return `M${x} ${y}h${side}v${side}h${-side}zm1 1v${side - 2}h${side - 2}v${2 - side}z`;
  return `M${x + half - 1} ${y + half - 1}h2v2h-2z`;
}
