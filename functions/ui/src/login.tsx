/** Saying who one is, where the deployment asks for that. */

import { useState } from "preact/hooks";
import { type Refusal, hasToken } from "./api";
import { type Way, findWay, leave } from "./oauth";
import { useAsked } from "./poll";

export function Login(props: { refusal: Refusal; wasTried: boolean; onToken: (token: string) => void }) {
  const { refusal, wasTried, onToken } = props;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement).get("token");
    onToken(String(given).trim());
  };
  return (
    <main>
      <h1>Log in</h1>
      {(hasToken() || wasTried) && <p role="alert" class="problem">{refusal.message}</p>}
      <AtIssuer />
      <form class="filters" onSubmit={submit}>
        <label>
          API token, or the output of <code>ogdc-runner token</code>
          <input name="token" type="password" autocomplete="off" required />
        </label>
        <button type="submit">Log in</button>
      </form>
      <p>The token is kept in memory until this tab is closed or reloaded.</p>
    </main>
  );
}

/** The button that leads to the issuer, where people log in at one. */
function AtIssuer() {
  const { data: way, refusal } = useAsked<Way | null>("way", findWay);
  const [problem, setProblem] = useState<string | null>(null);
  const go = () => way && leave(way).catch((error) => setProblem(String(error)));
  if (refusal && refusal.status !== 404) return <p role="alert" class="problem">{refusal.message}</p>;
  if (!way) return null;
  return (
    <>
      <p><button type="button" onClick={go}>Log in at {new URL(way.issuer.issuer).host}</button></p>
      {problem && <p role="alert" class="problem">{problem}</p>}
      <p>or</p>
    </>
  );
}
