/** Small parts that several views are made of. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Counts, Phase } from "./answers";
import { type Refusal, hasToken } from "./api";
import { type Place, goTo, hrefOf } from "./place";

export const SIGNS: Record<string, string> = {
  Pending: "○",
  Running: "▶",
  Succeeded: "✓",
  Failed: "✗",
  Error: "!",
  Cancelled: "■",
  Reused: "↺",
};

/** A phase by word, sign and colour, so that none of them is needed. */
export function PhaseBadge({ phase }: { phase: string }) {
  return (
    <span class={`phase ${phase}`}>
      <span aria-hidden="true">{SIGNS[phase] ?? "–"}</span> {phase}
    </span>
  );
}

export function PhaseCounts({ counts, before = "" }: { counts: Counts; before?: string }) {
  const shown = (Object.entries(counts) as [Phase, number][]).filter(([, number]) => number > 0);
  if (shown.length === 0) return null;
  return <>{before}{shown.map(([phase, number]) => `${number.toLocaleString("en")} ${phase}`).join(", ")}</>;
}

/** A link to another place of this page, which needs no request. */
export function Link(props: { to: Place; children: ComponentChildren; current?: boolean }) {
  const follow = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    goTo(props.to);
  };
  return (
    <a href={hrefOf(props.to)} onClick={follow} aria-current={props.current ? "page" : undefined}>
      {props.children}
    </a>
  );
}

/** A refusal; not that nobody is logged in, for which the page has a view of its own. */
export function Problem({ refusal }: { refusal: Refusal | null }) {
  if (refusal?.status === 401 && !hasToken()) return null;
  return refusal && <p role="alert" class="problem">{refusal.message}</p>;
}

/** A command line to copy. */
export function Command({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
  };
  return (
    <div class="command">
      <code>{text}</code>
      <button type="button" onClick={copy} aria-label={`Copy: ${text}`}>
        {copied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}

/** Text that may be long, in a box that can be scrolled with the keyboard, too. */
export function Pre({ children, label }: { children: ComponentChildren; label: string }) {
  return (
    <pre tabIndex={0} role="region" aria-label={label}>
      {children}
    </pre>
  );
}

/** A table that is wider than a phone scrolls by itself. */
export function Table(props: { caption: string; head: string[]; children: ComponentChildren }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={props.caption}>
      <table>
        <caption>{props.caption}</caption>
        <thead>
          <tr>{props.head.map((title) => <th scope="col" key={title}>{title}</th>)}</tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </div>
  );
}
