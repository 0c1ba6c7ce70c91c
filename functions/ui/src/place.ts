/** Where the reader is, all of it in the address: `?run=NAME&tab=logs`, or the list's filters. */

import { useEffect, useState } from "preact/hooks";

export type Place = Record<string, string>;

const MOVED = "placechange";

export function placeNow(): Place {
  return Object.fromEntries(new URLSearchParams(location.search));
}

/** The address of a place. */
export function hrefOf(place: Place): string {
  const query = new URLSearchParams(Object.entries(place).filter(([, value]) => value !== ""));
  return `?${query}`;
}

export function goTo(place: Place): void {
  history.pushState(null, "", hrefOf(place));
  moved();
}

/** Have the address read anew. */
export function moved(): void {
  dispatchEvent(new Event(MOVED));
}

export function usePlace(): Place {
  const [place, setPlace] = useState(placeNow);
  useEffect(() => {
    const read = () => setPlace(placeNow());
    addEventListener("popstate", read);
    addEventListener(MOVED, read);
    return () => {
      removeEventListener("popstate", read);
      removeEventListener(MOVED, read);
    };
  }, []);
  return place;
}
