/** The files of a run's result. */

import { useState } from "preact/hooks";
import type { OutputList, RunDetail } from "./answers";
import { Refusal, get, save } from "./api";
import { Command, Problem, Table } from "./parts";
import { useAsked } from "./poll";
import { size } from "./words";

export function Outputs({ run }: { run: RunDetail }) {
  const path = run.links.outputs ? `${run.links.outputs}?limit=200` : null;
  const { data, refusal } = useAsked(path, get<OutputList>);
  return (
    <section>
      <h2>Outputs</h2>
      <Problem refusal={refusal} />
      {path === null && <p>There are none before the run has succeeded.</p>}
      {data && <Files run={run} first={data} key={run.name} />}
    </section>
  );
}

function Files({ run, first }: { run: RunDetail; first: OutputList }) {
  const [list, setList] = useState(first);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const attempt = (work: Promise<void>) =>
    work.catch((error) => setRefusal(error instanceof Refusal ? error : new Refusal(0, String(error))));

  async function more(): Promise<void> {
    const query = new URLSearchParams({ limit: "200", after: list.next ?? "" });
    const page = await get<OutputList>(`${run.links.outputs}?${query}`);
    setList({ files: [...list.files, ...page.files], next: page.next });
  }

  const files = [...list.files].sort((one, other) => Number(isHidden(one)) - Number(isHidden(other)));
  return (
    <>
      <Table caption="Files of the result" head={["File", "Size", "Type", ""]}>
        {files.map((file) => (
          <tr key={file.path}>
            <td>{file.path}</td>
            <td>{size(file.size)}</td>
            <td>{file.type}</td>
            <td>
              <button
                type="button"
                aria-label={`Download ${file.path}`}
                onClick={() => attempt(save(file.url, file.path.split("/").at(-1) ?? "file"))}
              >
                Download
              </button>
            </td>
          </tr>
        ))}
      </Table>
      <Problem refusal={refusal} />
      {list.next && <button type="button" onClick={() => attempt(more())}>More files</button>}
      {files[0] && <Command text={`ogdc-runner get-output ${run.name} ${quoted(files[0].path)}`} />}
    </>
  );
}

/** Whether a file tells how the result came to be, and is none of it. */
function isHidden(file: OutputList["files"][number]): boolean {
  return file.path.startsWith(".");
}

/** A word as a shell reads it. */
function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
