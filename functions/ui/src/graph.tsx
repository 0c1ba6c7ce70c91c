/** The run's graph: its stages from left to right, each with its partitions, however many there are. */

import type { Phase, RunDetail } from "./answers";
import { PhaseCounts, SIGNS } from "./parts";
import { type Place, goTo } from "./place";
import { count } from "./words";
import { type StageCells, useCells } from "./cells";

/** Up to so many partitions are boxes with their numbers; more are cells. */
const FEW = 30;
const PAD = 12;
const TITLE = 40;
const GAP = 48;
const BOX = { width: 44, height: 26, columns: 5 };
const PHASES: (Phase | "None")[] = ["None", "Pending", "Running", "Succeeded", "Reused", "Failed", "Error"];
const MEANING: Record<string, string> = { None: "has not begun", Reused: "Reused: taken from an earlier run" };

interface Drawn extends StageCells {
  x: number;
  width: number;
  height: number;
  columns: number;
  cell: { width: number; height: number };
}

export function Graph({ run, place }: { run: RunDetail; place: Place }) {
  const stages = laidOut(useCells(run));
  const height = Math.max(...stages.map((stage) => stage.height)) + 2;
  const last = stages.at(-1);
  const width = last ? last.x + last.width + 1 : 1;
  return (
    <section>
      <h2>Stages</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Stages and partitions">
        <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={told(stages)}>
          {stages.map((stage, index) => (
            <g key={stage.stage}>
              {index > 0 && <Arrow to={stage} y={height / 2} />}
              <StageBox stage={stage} y={(height - stage.height) / 2} run={run} place={place} />
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

function laidOut(stages: StageCells[]): Drawn[] {
  let x = 1;
  return stages.map((stage) => {
    const number = Math.max(1, stage.cells.length);
    const few = number <= FEW;
    const columns = few ? Math.min(number, BOX.columns) : Math.ceil(Math.sqrt(number * 2));
    const side = number > 1_000 ? 6 : 11;
    const cell = few ? BOX : { width: side, height: side };
    const width = Math.max(columns * cell.width, 110) + 2 * PAD;
    const height = Math.ceil(number / columns) * cell.height + TITLE + PAD;
    const drawn = { ...stage, x, width, height, columns, cell };
    x += width + GAP;
    return drawn;
  });
}

function told(stages: Drawn[]): string {
  return stages.map((stage) => `${stage.stage}: ${count(stage.cells.length, "task")}${counted(stage)}`).join(", then ");
}

function counted(stage: Drawn): string {
  const found = Object.entries(stage.counts).filter(([, number]) => number > 0);
  return found.length > 0 ? ` (${found.map(([phase, number]) => `${number} ${phase}`).join(", ")})` : "";
}

/** What the forms and signs of the cells mean, of those that there are. */
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

function Arrow({ to, y }: { to: Drawn; y: number }) {
  const end = to.x - 4;
  const begin = to.x - GAP + 4;
  return <path class="arrow" d={`M${begin} ${y}H${end}m-7-5l7 5l-7 5`} />;
}

function StageBox(props: { stage: Drawn; y: number; run: RunDetail; place: Place }) {
  const { stage, y, run, place } = props;
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
