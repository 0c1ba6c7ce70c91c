/** The files of a run's result. */

import { useState } from "preact/hooks";
import type { OutputFile, OutputList, RunDetail } from "./answers";
import { Refusal, get, save } from "./api";
import { Command, Problem, Table } from "./parts";
import { type Place, goTo } from "./place";
import { useAsked } from "./poll";
import { Picture } from "./picture";
import { Preview, canShow } from "./preview";
import { count, size } from "./words";

export function Outputs({ run, place }: { run: RunDetail; place: Place }) {
  const path = run.links.outputs ? `${run.links.outputs}?limit=200` : null;
  const { data, refusal } = useAsked(path, get<OutputList>);
  return (
    <section>
      <h2>Outputs</h2>
      <Problem refusal={refusal} />
      {path === null && <p>A run has outputs once it has succeeded.</p>}
      {data && <Files run={run} first={data} chosen={place.file ?? ""} key={run.name} />}
    </section>
  );
}

function Files({ run, first, chosen }: { run: RunDetail; first: OutputList; chosen: string }) {
  const [list, setList] = useState(first);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const attempt = (work: Promise<void>) =>
    work.catch((error) => setRefusal(error instanceof Refusal ? error : new Refusal(0, String(error))));

  async function more(): Promise<void> {
    const query = new URLSearchParams({ limit: "200", after: list.next ?? "" });
    const page = await get<OutputList>(`${run.links.outputs}?${query}`);
    setList({ files: [...list.files, ...page.files], next: page.next });
  }

  const results = list.files.filter((file) => !isHidden(file));
  const hidden = list.files.filter(isHidden);
  const shown = list.files.find((file) => file.path === chosen);
  const row = (file: OutputFile) => (
    <Row key={file.path} run={run} file={file} isShown={file === shown} onDownload={() => attempt(save(file.url, nameOf(file)))} />
  );
  return (
    <>
      {shown && <Preview file={shown} key={shown.path} />}
      <Table caption="Files of the result" head={["", "File", "Size", "Type", ""]}>{results.map(row)}</Table>
      {hidden.length > 0 && (
        <details open={shown !== undefined && isHidden(shown)}>
          <summary>Provenance and catalog ({count(hidden.length, "file")})</summary>
          <Table caption="Provenance and catalog files" head={["", "File", "Size", "Type", ""]}>{hidden.map(row)}</Table>
        </details>
      )}
      <Problem refusal={refusal} />
      {list.next && <button type="button" onClick={() => attempt(more())}>More files</button>}
      {results[0] && <Command text={`ogdc-runner get-output ${run.name} ${quoted(results[0].path)}`} />}
    </>
  );
}

interface RowProps {
  run: RunDetail;
  file: OutputFile;
  isShown: boolean;
  onDownload: () => void;
}

function Row({ run, file, isShown, onDownload }: RowProps) {
  const show = () => goTo({ run: run.name, tab: "outputs", file: isShown ? "" : file.path });
  return (
    <tr>
      <td class="thumbnail">{file.thumbnail && <Picture path={file.thumbnail} about={`Thumbnail of ${file.path}`} />}</td>
      <td class="long">{file.path}</td>
      <td>{size(file.size)}</td>
      <td>{file.type}</td>
      <td>
        <div class="buttons">
          {canShow(file) && (
            <button type="button" aria-label={`Show ${file.path}`} aria-pressed={isShown} onClick={show}>Show</button>
          )}
          <button type="button" aria-label={`Download ${file.path}`} onClick={onDownload}>Download</button>
        </div>
      </td>
    </tr>
  );
}

function nameOf(file: OutputFile): string {
  return file.path.split("/").at(-1) ?? "file";
}

/** Whether a file tells how the result came to be, and is none of it. */
function isHidden(file: OutputFile): boolean {
  return file.path.startsWith(".");
}

/** A word as a shell reads it. */
function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
