/** A picture of a run's files. */

import { request } from "./api";
import { useAsked } from "./poll";

/** A picture, which is asked for as everything else is, with the token. */
export function Picture({ path, about }: { path: string; about: string }) {
  const { data, refusal } = useAsked(path, pictureAt);
  if (refusal) return <span role="status">No picture: {refusal.message}</span>;
  return data ? <img src={data} alt={about} /> : <span role="status">…</span>;
}

async function pictureAt(path: string): Promise<string> {
  const blob = await (await request(path)).blob();
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
