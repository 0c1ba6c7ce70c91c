/** The page about runs: a list of them, and one. */

import { render } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import type { Me } from "./answers";
import { Refusal, get, useToken } from "./api";
import { RunsPage } from "./list";
import { Login } from "./login";
import { usePlace } from "./place";
import { RunPage } from "./run";
import { Link } from "./parts";

function Page() {
  const place = usePlace();
  const [me, setMe] = useState<Me | null>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [isReady, setReady] = useState(false);

  const identify = useCallback(async () => {
    try {
      setMe(await get<Me>("/me"));
      setRefusal(null);
    } catch (error) {
      setMe(null);
      setRefusal(error instanceof Refusal && error.status === 401 ? error : null);
    }
    setReady(true);
  }, []);
  useEffect(() => void identify(), []);
  useEffect(() => {
    document.title = place.run ? `${place.run} – run` : "Runs";
  }, [place.run]);

  const enter = (token: string) => {
    useToken(token);
    void identify();
  };
  return (
    <>
      <header>
        <Link to={{}}>OGDC runs</Link>
        {me && <span>{me.name} ({me.role})</span>}
      </header>
      {refusal && <Login refusal={refusal} onToken={enter} />}
      {isReady && !refusal && (
        place.run ? <RunPage key={place.run} name={place.run} place={place} me={me} /> : <RunsPage place={place} />
      )}
    </>
  );
}

const root = document.getElementById("page");
if (root) render(<Page />, root);
