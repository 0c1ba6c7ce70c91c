/** The page about runs: a list of them, and one. */

import { render } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import type { Me } from "./answers";
import { Refusal, get, showToken } from "./api";
import { RunsPage } from "./list";
import { Login } from "./login";
import { comeBack, isBack, renew } from "./oauth";
import { moved, usePlace } from "./place";
import { RunPage } from "./run";
import { Link } from "./parts";

/** Take up the login that the issuer has sent this tab back from, if it has. */
async function logIn(): Promise<void> {
  const login = await comeBack();
  if (!login) return;
  let { refresh_token: refreshToken } = login.tokens;
  const renewed = async () => {
    if (!refreshToken) throw new Refusal(401, "This login cannot be renewed.");
    const tokens = await renew(login.way, refreshToken);
    refreshToken = tokens.refresh_token ?? refreshToken;
    return tokens.access_token;
  };
  showToken(login.tokens.access_token, renewed);
  moved();
}

function Page() {
  const place = usePlace();
  const [me, setMe] = useState<Me | null | undefined>(undefined);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  // What is shown is asked for beside who asks; only a token that comes first is worth waiting for.
  const [isReady, setReady] = useState(() => !isBack());
  const [wasTried, setTried] = useState(false);

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
  useEffect(() => {
    logIn().then(identify, (error: Refusal) => {
      setRefusal(error);
      setTried(true);
      setReady(true);
    });
  }, []);
  useEffect(() => {
    document.title = place.run ? `${place.run} – run` : "Runs";
  }, [place.run]);

  const enter = (token: string) => {
    showToken(token);
    void identify();
  };
  return (
    <>
      <header>
        <Link to={{}}>OGDC runs</Link>
        {me && <span>{me.name} ({me.role})</span>}
      </header>
      {refusal && <Login refusal={refusal} wasTried={wasTried} onToken={enter} />}
      {isReady && !refusal && (
        place.run ? <RunPage key={place.run} name={place.run} place={place} me={me} /> : <RunsPage place={place} />
      )}
    </>
  );
}

const root = document.getElementById("page");
if (root) render(<Page />, root);
