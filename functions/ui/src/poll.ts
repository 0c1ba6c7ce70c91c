/** Asking again and again for what may change: never from a tab that nobody sees, nor of what has ended. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type Known, Refusal, getUnlessKnown } from "./api";

export const PAUSE = 2_000;
const GROWTH = 1.5;

export interface Polled<T> {
  data: T | null;
  refusal: Refusal | null;
  /** Ask at once, as after a change that was made here. */
  again: () => void;
}

/**
 * Ask for what is at a path until it is over.
 *
 * @param longest The pause, in milliseconds, that those without a change may grow to, by what is known.
 */
export function usePoll<T>(path: string, isOver: (data: T) => boolean, longest: (data: T) => number = () => PAUSE): Polled<T> {
  const [data, setData] = useState<T | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const poll = useRef<(() => void) | null>(null);

  useEffect(() => {
    let known: Known<T> | null = null;
    let pause = PAUSE;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;
    let left = false;
    let asking = false;

    async function ask(): Promise<void> {
      if (asking) return;
      asking = true;
      clearTimeout(timer);
      try {
        const found: Known<T> = await getUnlessKnown(path, known);
        if (left) return;
        pause = found === known ? Math.min(pause * GROWTH, longest(found.answer)) : PAUSE;
        known = found;
        over = isOver(found.answer);
        setData(found.answer);
        setRefusal(null);
      } catch (error) {
        if (left) return;
        const shown = error instanceof Refusal ? error : new Refusal(0, `The service does not answer (${error}).`);
        over = shown.status >= 400 && shown.status < 500 && shown.status !== 429;
        setRefusal(shown);
      } finally {
        asking = false;
      }
      wait();
    }

    function wait(): void {
      clearTimeout(timer);
      if (!left && !over && !document.hidden) timer = setTimeout(ask, pause);
    }

    function seen(): void {
      if (document.hidden) clearTimeout(timer);
      else if (!over) void ask();
    }

    setData(null);
    setRefusal(null);
    poll.current = () => void ask();
    document.addEventListener("visibilitychange", seen);
    if (document.hidden) wait();
    else void ask();
    return () => {
      left = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path]);

  return { data, refusal, again: useCallback(() => poll.current?.(), []) };
}

/** Have what shows how long something takes shown anew each second, for as long as it goes on. */
export function useClock(goesOn: boolean): void {
  const [, setNow] = useState(0);
  useEffect(() => {
    const timer = goesOn ? setInterval(() => document.hidden || setNow(Date.now()), 1_000) : undefined;
    return () => clearInterval(timer);
  }, [goesOn]);
}

/** Ask once for what is at a path; null: nothing is to be asked. */
export function useAsked<T>(path: string | null, ask: (path: string) => Promise<T>): Omit<Polled<T>, "again"> {
  const [data, setData] = useState<T | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  useEffect(() => {
    let left = false;
    setData(null);
    setRefusal(null);
    if (path === null) return;
    ask(path).then(
      (found) => left || setData(found),
      (error) => left || setRefusal(error instanceof Refusal ? error : new Refusal(0, String(error))),
    );
    return () => {
      left = true;
    };
  }, [path]);
  return { data, refusal };
}
