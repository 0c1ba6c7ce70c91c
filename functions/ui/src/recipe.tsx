/** The recipe of a run, as it was submitted. */

import type { Recipe, RunDetail } from "./answers";
import { get } from "./api";
import { Pre, Problem, Table } from "./parts";
import { useAsked } from "./poll";
import { size } from "./words";

export function RecipeView({ run }: { run: RunDetail }) {
  const { data, refusal } = useAsked(`/runs/${run.name}/recipe`, get<Recipe>);
  return (
    <section>
      <h2>Recipe</h2>
      <p>{run.recipe_path ? `Read from ${run.recipe_path}` : "Uploaded"}; snapshot <code class="hash">{run.snapshot}</code></p>
      <Problem refusal={refusal} />
      {data && <Commands recipe={data} />}
      {data && <Files recipe={data} />}
    </section>
  );
}

function Commands({ recipe }: { recipe: Recipe }) {
  return (
    <Table caption="Commands" head={["Stage", "No.", "Line", "Command"]}>
      {recipe.commands.map((each) => (
        <tr key={`${each.stage} ${each.number}`}>
          <td>{each.stage}</td>
          <td>{each.number}</td>
          <td>{each.line}</td>
          <td><code>{each.text}</code></td>
        </tr>
      ))}
    </Table>
  );
}

function Files({ recipe }: { recipe: Recipe }) {
  if (recipe.files === null)
    return <p>Its files are only shown to the run's owner and admins, or have been removed.</p>;
  return (
    <>
      {recipe.files.map((file) => (
        <details key={file.path} open={recipe.files !== null && recipe.files.length < 4 && file.size < 5_000}>
          <summary>{file.path} ({size(file.size)}{file.redacted ? ", credentials removed" : ""})</summary>
          {file.text === null ? <p>This is not a text file, or it is too long to be shown.</p> : <Pre label={file.path}>{file.text}</Pre>}
        </details>
      ))}
    </>
  );
}
